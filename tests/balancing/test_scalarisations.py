"""Scalarisations: golden values, the formulas of their papers, and refused losses."""

import math

import pytest
import torch
import torchjd.scalarization
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from mtl_core.balancing import SharedParameters
from mtl_core.errors import TrainingError
from tests.balancing.toy import SCALARISATIONS, TASKS, built, options_of, shared_gradient
from tests.strategies import patient

VALUES = torch.tensor([0.5, 2.0, 1.25])
positive = st.lists(st.floats(0.0625, 64.0, width=32), min_size=3, max_size=3).map(torch.tensor)
preferences = st.fixed_dictionaries({task: st.floats(0.125, 8.0) for task in TASKS})


def weights(method: str, values: Tensor = VALUES, **options: object) -> Tensor:
    """(tasks,) initial weights of the losses' gradients."""
    return shared_gradient(options_of(method, **options).build(TASKS), torch.eye(3), values)


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        ("mean", {}, [1 / 3, 1 / 3, 1 / 3]),
        ("sum", {}, [1.0, 1.0, 1.0]),
        ("constant", {"weights": {"c": 0.25, "a": 3.0}}, [3.0, 1.0, 0.25]),
        ("uw", {}, [0.5, 0.5, 0.5]),
        ("imtl_l", {}, [1.0, 1.0, 1.0]),
        ("dwa", {}, [1.0, 1.0, 1.0]),
        ("geometric_mean", {}, [0.71814, 0.17953, 0.28725]),
        ("inverse_loss", {}, [0.60512, 0.15196, 0.24292]),
        ("famo", {}, [0.60606, 0.15152, 0.24242]),
        ("stch", {"mu": 0.5}, [0.06211, 0.16884, 0.10240]),
        ("pbi", {"theta": 0.0, "preference": {"b": 2.0}}, [0.40825, 0.81650, 0.40825]),
        ("cosmos", {"penalty": 0.0, "preference": {"b": 2.0}}, [0.25, 0.5, 0.25]),
    ],
)
def test_golden_weights(method: str, options: dict[str, object], expected: list[float]) -> None:
    assert weights(method, **options).tolist() == pytest.approx(expected, abs=2e-5)


def test_random_weights_are_convex_combinations_with_equal_means() -> None:
    torch.manual_seed(0)
    draws = torch.stack([weights("random") for _ in range(1_000)])
    torch.testing.assert_close(draws.sum(dim=1), torch.ones(1_000))
    assert (draws > 0).all()
    torch.testing.assert_close(draws.mean(dim=0), torch.full((3,), 1 / 3), rtol=0, atol=0.03)
    assert (draws.std(dim=0) > 0.1).all()


@patient
@given(positive, st.sampled_from([2.0**-10, 0.5, 8.0, 2.0**20]))
def test_methods_whose_direction_does_not_depend_on_the_scale_of_a_loss(values: Tensor, scale: float) -> None:
    factors = torch.tensor([1.0, scale, 1.0])
    for method, parallel in [("geometric_mean", True), ("famo", True), ("sum", False)]:
        original = shared_gradient(built(method), torch.eye(3), values)
        scaled = shared_gradient(built(method), torch.diag(factors), values * factors)
        assert (torch.cosine_similarity(original, scaled, dim=0) > 1 - 1e-4) == parallel


def test_a_loss_of_0_has_the_weight_0_in_the_geometric_mean() -> None:
    values = weights("geometric_mean", torch.tensor([0.5, 0.0, 2.0]))
    assert values.isfinite().all()
    assert (values > 0).tolist() == [True, False, True]


@pytest.mark.parametrize("method", ["geometric_mean", "famo", "uw", "imtl_l", "gradnorm"])
def test_methods_that_refuse_a_negative_loss(method: str) -> None:
    with pytest.raises(TrainingError, match=rf"{method} .* found -0\.25 of task 'b'"):
        shared_gradient(built(method), torch.eye(3), torch.tensor([0.5, -0.25, 1.0]))


@pytest.mark.parametrize("method", ["constant", "mean", "sum", "random", "dwa", "stch", "pbi", "cosmos"])
def test_methods_that_accept_a_negative_loss(method: str) -> None:
    assert shared_gradient(built(method), torch.eye(3), torch.tensor([0.5, -0.25, 1.0])).isfinite().all()


@pytest.mark.parametrize("method", ["uw", "imtl_l"])
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_learned_scales_make_all_weighted_losses_equal(method: str, scale: float) -> None:
    balancer = built(method)
    optimizer = torch.optim.Adam(balancer.parameters(), lr=0.1)
    values = VALUES * torch.tensor([1.0, scale, 1.0])
    for _ in range(400):
        optimizer.zero_grad()
        learned = shared_gradient(balancer, torch.eye(3), values)
        optimizer.step()
    torch.testing.assert_close(learned * values, torch.full((3,), 0.5 if method == "uw" else 1.0), rtol=1e-3, atol=0)


@patient
@given(positive, preferences, st.floats(0.01, 4.0))
def test_formulas_of_the_methods_with_preference(
    values: Tensor, preference: dict[str, float], parameter: float
) -> None:
    weight = torch.tensor([preference[task] for task in TASKS])
    weight = weight / weight.sum()
    losses = values.clone().requires_grad_()
    smooth_maximum = parameter * ((weight * losses) / parameter).logsumexp(dim=0)
    unit = weight / weight.norm()
    along = losses @ unit
    distance = (losses - along * unit).norm()
    cosine = torch.cosine_similarity(weight, losses, dim=0)
    formulas = [("stch", "mu", smooth_maximum), ("cosmos", "penalty", weight @ losses - parameter * cosine)]
    if distance > 1e-3:  # at 0 it has no gradient
        formulas.append(("pbi", "theta", along + parameter * distance))
    for method, option, formula in formulas:
        (expected,) = torch.autograd.grad(formula, losses, retain_graph=True)
        actual = weights(method, values, preference=preference, **{option: parameter})
        torch.testing.assert_close(actual, expected, rtol=2e-3, atol=2e-5, msg=method)


def test_with_a_small_mu_stch_trains_the_worst_task_alone() -> None:
    values = weights("stch", torch.tensor([900.0, 1000.0, 1.0]), mu=0.01)
    torch.testing.assert_close(values, torch.tensor([0.0, 1 / 3, 0.0]))


def test_golden_weights_of_dwa_over_three_epochs() -> None:
    """Epoch means 2, 1, 4 and then 1, 1, 6: rates .5, 1, 1.5 with a temperature of .5."""
    balancer = built("dwa", temperature=0.5)
    balancer.after_epoch({0: 2.0, 1: 1.0, 2: 4.0})
    assert shared_gradient(balancer, torch.eye(3), VALUES).tolist() == [1.0, 1.0, 1.0]
    balancer.after_epoch({0: 1.0, 1: 1.0, 2: 6.0})
    exponents = [math.exp(rate / 0.5) for rate in (0.5, 1.0, 1.5)]
    expected = [3 * exponent / sum(exponents) for exponent in exponents]
    assert shared_gradient(balancer, torch.eye(3), VALUES).tolist() == pytest.approx(expected, rel=1e-6)
    balancer.after_epoch({0: 1.0, 1: 2.0, 2: 6.0})
    weights = shared_gradient(balancer, torch.eye(3), VALUES)
    assert weights[0] == weights[2] < 1 < weights[1]


@pytest.mark.parametrize(
    ("older", "newer"),
    [({0: 2.0, 2: 3.0}, {0: 1.0, 1: 9.0, 2: 3.0}), ({0: 2.0, 1: 0.0, 2: 3.0}, {0: 1.0, 1: 9.0, 2: 3.0}),
     ({0: 2.0, 1: 9.0, 2: 3.0}, {0: 1.0, 1: -1.0, 2: 3.0}), ({0: 2.0, 1: 9.0, 2: 3.0}, {0: 1.0, 2: 3.0})],
    ids=["absent before", "0 before", "negative", "absent"],
)  # fmt: skip
def test_an_undefined_rate_of_dwa_is_1(older: dict[int, float], newer: dict[int, float]) -> None:
    balancer = built("dwa", temperature=0.5)
    balancer.after_epoch(older)
    balancer.after_epoch(newer)
    exponents = [math.exp(rate / 0.5) for rate in (0.5, 1.0, 1.0)]
    expected = [3 * exponent / sum(exponents) for exponent in exponents]
    assert shared_gradient(balancer, torch.eye(3), VALUES).tolist() == pytest.approx(expected, rel=1e-6)


@patient
@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=5))
def test_famo_equals_that_of_torchjd_where_all_tasks_take_part(steps: list[tuple[Tensor, Tensor]]) -> None:
    balancer, reference = built("famo"), torchjd.scalarization.FAMO(3)
    for before, after in steps:
        losses = nn.Parameter(before.clone())
        reference(losses).backward()
        torch.testing.assert_close(shared_gradient(balancer, torch.eye(3), before), losses.grad)
        balancer.after_step(lambda after=after: dict(enumerate(after)))
        reference.update(after)
    torch.testing.assert_close(balancer.state_dict()["logits.values"], next(reference.parameters()).detach())


def test_golden_first_step_of_famo() -> None:
    """The logarithms of the losses fall by log 4 and 0, so Adam moves each logit by the learning rate."""
    balancer = options_of("famo", learning_rate=0.1, weight_decay=0.0).build(("a", "b"))
    shared_gradient(balancer, torch.eye(2), torch.tensor([1.0, 1.0]))
    balancer.after_step(lambda: {0: torch.tensor(0.25), 1: torch.tensor(1.0)})
    logits = balancer.state_dict()["logits.values"]
    torch.testing.assert_close(logits, torch.tensor([-0.1, 0.1]))
    gradient = 0.5 * (math.log(4) - 0.5 * math.log(4))  # z (decrease - z . decrease)
    torch.testing.assert_close(balancer.state_dict()["logits.means"], 0.1 * torch.tensor([gradient, -gradient]))
    values = torch.tensor([0.25, 1.0])
    expected = logits.softmax(dim=0) / values
    torch.testing.assert_close(shared_gradient(balancer, torch.eye(2), values), expected / expected.sum())


def test_absent_tasks_do_not_affect_the_logits_of_famo() -> None:
    """Compares the moments of Adam too, whose steps do not depend on the scale of a gradient."""
    reference, balancer = built("famo", tasks=("a", "c")), built("famo")
    for values, after in [(VALUES, 0.5 * VALUES), (VALUES * VALUES, VALUES)]:
        shared_gradient(reference, torch.eye(2), values[[0, 2]])
        reference.after_step(lambda after=after: {0: after[0], 1: after[2] ** 2})
        shared_gradient(balancer, torch.eye(2), values[[0, 2]], positions=(0, 2))
        balancer.after_step(lambda after=after: {0: after[0], 2: after[2] ** 2})
    for name, tensor in balancer.state_dict().items():
        torch.testing.assert_close(tensor[[0, 2]], reference.state_dict()[name])
        assert tensor[1] == 0


def test_famo_refuses_a_negative_loss_after_the_step() -> None:
    balancer = built("famo")
    shared_gradient(balancer, torch.eye(3), VALUES)
    with pytest.raises(TrainingError, match=r"famo .* found -1 of task 'c'"):
        balancer.after_step(lambda: {0: torch.tensor(1.0), 1: torch.tensor(1.0), 2: torch.tensor(-1.0)})
    assert balancer.state_dict()["logits.values"].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("method", SCALARISATIONS)
def test_a_scalarisation_weights_shared_and_task_parameters_alike(method: str) -> None:
    torch.manual_seed(0)
    shared, separate = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.ones(()))
    losses = {task: shared[task] + VALUES[task] + (separate - 1 if task == 1 else 0) for task in range(3)}
    built(method).backward(losses, SharedParameters(parameters=(shared,), last=None))
    torch.testing.assert_close(separate.grad, shared.grad[1])
