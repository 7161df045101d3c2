"""The scalarisations against their formulas: golden values, optima, scale, and what they refuse."""

import math

import pytest
import torch
import torchjd.scalarization
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from mtl_core.balancing import Shared
from mtl_core.errors import TrainingError
from tests.balancing.toy import OF_LOSSES, TASKS, built, declared, shared_gradient
from tests.strategies import patient

VALUES = torch.tensor([0.5, 2.0, 1.25])
positive = st.lists(st.floats(0.0625, 64.0, width=32), min_size=3, max_size=3).map(torch.tensor)
preferences = st.fixed_dictionaries({task: st.floats(0.125, 8.0) for task in TASKS})


def weights(method: str, values: Tensor = VALUES, **options: object) -> Tensor:
    """(tasks,) what each loss's gradient is multiplied by, at the start."""
    return shared_gradient(declared(method, **options).build(TASKS), torch.eye(3), values)


def slope(formula: Tensor, values: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(formula, values)
    return gradient


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


def test_random_weights_are_a_convex_combination_and_favour_nobody() -> None:
    torch.manual_seed(0)
    draws = torch.stack([weights("random") for _ in range(1_000)])
    torch.testing.assert_close(draws.sum(dim=1), torch.ones(1_000))
    assert (draws > 0).all()
    torch.testing.assert_close(draws.mean(dim=0), torch.full((3,), 1 / 3), rtol=0, atol=0.03)
    assert (draws.std(dim=0) > 0.1).all()


@patient
@given(positive, st.sampled_from([2.0**-10, 0.5, 8.0, 2.0**20]))
def test_the_scale_of_a_loss_does_not_change_the_direction_of_the_geometric_mean(values: Tensor, scale: float) -> None:
    """Nor of `famo`, but that of `sum`. The loss is rescaled with its gradient."""
    factors = torch.tensor([1.0, scale, 1.0])
    for method, alike in [("geometric_mean", True), ("famo", True), ("sum", False)]:
        plain = shared_gradient(built(method), torch.eye(3), values)
        scaled = shared_gradient(built(method), torch.diag(factors), values * factors)
        assert (torch.cosine_similarity(plain, scaled, dim=0) > 1 - 1e-4) == alike


def test_a_loss_of_0_stops_the_geometric_mean_and_does_not_break_it() -> None:
    found = weights("geometric_mean", torch.tensor([0.5, 0.0, 2.0]))
    assert found.isfinite().all()
    assert found[1] == 0
    assert (found[[0, 2]] > 0).all()


@pytest.mark.parametrize("method", ["geometric_mean", "famo", "uw", "imtl_l", "gradnorm"])
def test_a_negative_loss_is_refused_where_it_has_no_meaning(method: str) -> None:
    with pytest.raises(
        TrainingError, match=rf"{method} needs losses of 0 or more, found -0\.25 of task 'b'; use another"
    ):
        shared_gradient(built(method), torch.eye(3), torch.tensor([0.5, -0.25, 1.0]))


@pytest.mark.parametrize("method", ["constant", "mean", "sum", "random", "dwa", "stch", "pbi", "cosmos"])
def test_a_negative_loss_is_taken_where_it_has_one(method: str) -> None:
    assert shared_gradient(built(method), torch.eye(3), torch.tensor([0.5, -0.25, 1.0])).isfinite().all()


@pytest.mark.parametrize("method", ["uw", "imtl_l"])
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_learned_scales_make_every_weighted_loss_1(method: str, scale: float) -> None:
    """Half of it for `uw`, whose sum has a half before each loss. So a loss's own scale does not matter in the end."""
    balancer = built(method)
    optimizer = torch.optim.Adam(balancer.parameters(), lr=0.1)
    values = VALUES * torch.tensor([1.0, scale, 1.0])
    for _ in range(400):
        optimizer.zero_grad()
        found = shared_gradient(balancer, torch.eye(3), values)
        optimizer.step()
    torch.testing.assert_close(found * values, torch.full((3,), 0.5 if method == "uw" else 1.0), rtol=1e-3, atol=0)


@patient
@given(positive, preferences, st.floats(0.01, 4.0))
def test_the_preferences_do_what_their_formulas_say(values: Tensor, preference: dict[str, float], knob: float) -> None:
    share = torch.tensor([preference[task] for task in TASKS])
    share = share / share.sum()
    losses = values.clone().requires_grad_()
    largest = knob * ((share * losses) / knob).logsumexp(dim=0)
    unit = share / share.norm()
    along = losses @ unit
    beside = (losses - along * unit).norm()
    cosine = torch.cosine_similarity(share, losses, dim=0)
    for method, name, formula in [
        ("stch", "mu", largest),
        ("pbi", "theta", along + knob * beside),
        ("cosmos", "penalty", share @ losses - knob * cosine),
    ]:
        found = weights(method, values, preference=preference, **{name: knob})
        expected = slope(formula, losses) if beside > 1e-3 or method != "pbi" else found
        torch.testing.assert_close(found, expected, rtol=2e-3, atol=2e-5, msg=method)


def test_smooth_tchebycheff_trains_the_worst_task_alone_where_mu_is_small() -> None:
    found = weights("stch", torch.tensor([900.0, 1000.0, 1.0]), mu=0.01)
    torch.testing.assert_close(found, torch.tensor([0.0, 1 / 3, 0.0]))


def test_dwa_weighs_by_the_rates_of_the_last_two_epochs() -> None:
    """Epoch means 2, 1, 4 and then 1, 1, 6: rates .5, 1, 1.5 under a temperature of .5."""
    balancer = built("dwa", temperature=0.5)
    balancer.after_epoch({0: 2.0, 1: 1.0, 2: 4.0})
    assert shared_gradient(balancer, torch.eye(3), VALUES).tolist() == [1.0, 1.0, 1.0]
    balancer.after_epoch({0: 1.0, 1: 1.0, 2: 6.0})
    exponents = [math.exp(rate / 0.5) for rate in (0.5, 1.0, 1.5)]
    expected = [3 * exponent / sum(exponents) for exponent in exponents]
    assert shared_gradient(balancer, torch.eye(3), VALUES).tolist() == pytest.approx(expected, rel=1e-6)
    balancer.after_epoch({0: 1.0, 1: 2.0, 2: 6.0})
    found = shared_gradient(balancer, torch.eye(3), VALUES)
    assert found[1] > 1
    assert found[0] == found[2] < 1


@pytest.mark.parametrize(
    ("older", "newer"),
    [({0: 2.0, 2: 3.0}, {0: 1.0, 1: 9.0, 2: 3.0}), ({0: 2.0, 1: 0.0, 2: 3.0}, {0: 1.0, 1: 9.0, 2: 3.0}),
     ({0: 2.0, 1: 9.0, 2: 3.0}, {0: 1.0, 1: -1.0, 2: 3.0}), ({0: 2.0, 1: 9.0, 2: 3.0}, {0: 1.0, 2: 3.0})],
    ids=["absent before", "0 before", "negative", "absent"],
)  # fmt: skip
def test_dwa_takes_a_rate_that_does_not_exist_for_1(older: dict[int, float], newer: dict[int, float]) -> None:
    balancer = built("dwa", temperature=0.5)
    balancer.after_epoch(older)
    balancer.after_epoch(newer)
    exponents = [math.exp(rate / 0.5) for rate in (0.5, 1.0, 1.0)]
    expected = [3 * exponent / sum(exponents) for exponent in exponents]
    assert shared_gradient(balancer, torch.eye(3), VALUES).tolist() == pytest.approx(expected, rel=1e-6)


@patient
@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=5))
def test_famo_goes_the_way_of_torchjds_where_all_tasks_take_part(steps: list[tuple[Tensor, Tensor]]) -> None:
    ours, theirs = built("famo"), torchjd.scalarization.FAMO(3)
    for before, after in steps:
        losses = nn.Parameter(before.clone())
        theirs(losses).backward()
        torch.testing.assert_close(shared_gradient(ours, torch.eye(3), before), losses.grad)
        ours.after_step(lambda after=after: dict(enumerate(after)))
        theirs.update(after)
    torch.testing.assert_close(ours.state_dict()["logits.values"], next(theirs.parameters()).detach())


def test_famos_first_step_on_paper() -> None:
    """From equal weights 1/2: the losses fall by log 4 and by 0, so Adam moves the logits by a full step apart."""
    balancer = declared("famo", learning_rate=0.1, weight_decay=0.0).build(("a", "b"))
    shared_gradient(balancer, torch.eye(2), torch.tensor([1.0, 1.0]))
    balancer.after_step(lambda: {0: torch.tensor(0.25), 1: torch.tensor(1.0)})
    moved = balancer.state_dict()["logits.values"]
    torch.testing.assert_close(moved, torch.tensor([-0.1, 0.1]))
    gradient = 0.5 * (math.log(4) - 0.5 * math.log(4))  # z (fall - z . fall)
    torch.testing.assert_close(balancer.state_dict()["logits.means"], 0.1 * torch.tensor([gradient, -gradient]))
    z = moved.softmax(dim=0)
    expected = z / torch.tensor([0.25, 1.0])
    found = shared_gradient(balancer, torch.eye(2), torch.tensor([0.25, 1.0]))
    torch.testing.assert_close(found, expected / expected.sum())


def test_famo_learns_of_those_who_take_part_as_if_they_were_alone() -> None:
    """To the moments of its Adam, whose steps alone would hide a wrong scale."""
    alone, among = built("famo", tasks=("a", "c")), built("famo")
    for values, after in [(VALUES, 0.5 * VALUES), (VALUES * VALUES, VALUES)]:
        shared_gradient(alone, torch.eye(2), values[[0, 2]])
        alone.after_step(lambda after=after: {0: after[0], 1: after[2] ** 2})
        shared_gradient(among, torch.eye(2), values[[0, 2]], positions=(0, 2))
        among.after_step(lambda after=after: {0: after[0], 2: after[2] ** 2})
    for name, tensor in among.state_dict().items():
        torch.testing.assert_close(tensor[[0, 2]], alone.state_dict()[name])
        assert tensor[1] == 0


def test_famo_refuses_a_loss_that_its_own_step_made_negative() -> None:
    balancer = built("famo")
    shared_gradient(balancer, torch.eye(3), VALUES)
    with pytest.raises(TrainingError, match=r"famo needs losses of 0 or more, found -1 of task 'c'"):
        balancer.after_step(lambda: {0: torch.tensor(1.0), 1: torch.tensor(1.0), 2: torch.tensor(-1.0)})
    assert balancer.state_dict()["logits.values"].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("method", OF_LOSSES)
def test_a_scalarisation_scales_a_tasks_own_parameters_as_it_scales_its_share(method: str) -> None:
    torch.manual_seed(0)
    shared, own = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.ones(()))
    losses = {task: shared[task] + VALUES[task] + (own - 1 if task == 1 else 0) for task in range(3)}
    built(method).backward(losses, Shared(parameters=(shared,), last=None))
    torch.testing.assert_close(own.grad, shared.grad[1])
