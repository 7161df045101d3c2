"""Laws of each aggregation about the direction that it makes of the tasks' gradients."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.balancing.toy import OF_GRADIENTS, TASKS, built, declared, shared_gradient
from tests.strategies import patient

CONFLICT = torch.tensor([[-4.0, 1.0, 1.0], [6.0, 1.0, 1.0]])


@st.composite
def jacobians(draw: st.DrawFn) -> Tensor:
    """(2 or 3, 6) independent gradients that may conflict, whose lengths differ up to tenfold."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**32 - 1)))
    tasks = draw(st.integers(2, 3))
    rows = torch.nn.functional.normalize(torch.randn(tasks, 6, generator=generator), dim=1)
    return rows * (0.1 + 0.9 * torch.rand(tasks, 1, generator=generator))


def direction(jacobian: Tensor, method: str, **options: object) -> Tensor:
    return shared_gradient(declared(method, **options).build(TASKS[: len(jacobian)]), jacobian)


def alike(one: Tensor, other: Tensor) -> bool:
    """True if two vectors point the same way."""
    return bool(torch.cosine_similarity(one, other, dim=0) > 1 - 1e-3)


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        ("upgrad", {}, [0.2929, 1.9004, 1.9004]),
        ("dual_proj", {}, [0.5563, 1.1109, 1.1109]),
        ("pcgrad", {}, [0.5848, 3.8012, 3.8012]),
        ("gradvac", {}, [0.5848, 3.8012, 3.8012]),
        ("config", {}, [0.1588, 2.0707, 2.0707]),
        ("mgda", {}, [0.0, 1.0, 1.0]),
        ("cagrad", {"c": 0.5}, [0.1835, 1.2041, 1.2041]),
        ("aligned_mtl", {}, [0.2133, 0.9673, 0.9673]),
    ],
)
def test_golden_directions_of_the_documentation_of_torchjd(
    method: str, options: dict[str, float], expected: list[float]
) -> None:
    assert direction(CONFLICT, method, **options).tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("imtl_g", [0.0767, 1.0, 1.0]),
        ("nash_mtl", [0.0542, 0.7061, 0.7061]),
        ("fairgrad", [0.0313, 0.7908, 0.7908]),
    ],
)
def test_golden_directions_up_to_length(method: str, expected: list[float]) -> None:
    """The length is arbitrary for some, and there it is that of the gradients."""
    assert torch.cosine_similarity(direction(CONFLICT, method), torch.tensor(expected), dim=0) > 1 - 1e-6


@patient
@given(jacobians())
def test_upgrad_and_dual_proj_conflict_with_no_task(jacobian: Tensor) -> None:
    """Up to how torchjd regularises: it adds 1e-4 of its trace to the diagonal of the Gramian."""
    for method in ("upgrad", "dual_proj"):
        found = direction(jacobian, method)
        weights = torch.linalg.lstsq(jacobian.T, found).solution
        assert (jacobian @ found >= -1.1e-4 * jacobian.norm() ** 2 * weights.abs() - 1e-6).all()


@patient
@given(jacobians())
def test_mgda_finds_the_shortest_vector_of_the_hull(jacobian: Tensor) -> None:
    """Every point of the hull lies beyond it: its product with each gradient is its squared length or more."""
    found = direction(jacobian, "mgda", iterations=1_000)
    shortest = found @ found
    assert (jacobian @ found >= shortest - 2e-3 * jacobian.norm() ** 2).all()
    share = torch.linalg.lstsq(jacobian.T, found).solution
    torch.testing.assert_close(share.sum(), torch.tensor(1.0))
    assert (share > -1e-4).all()


@patient
@given(jacobians())
def test_without_conflict_nothing_is_taken_away(jacobian: Tensor) -> None:
    jacobian = jacobian.abs()
    for method in ("upgrad", "dual_proj", "cagrad"):
        found = direction(jacobian, method, **({"c": 0.0} if method == "cagrad" else {}))
        torch.testing.assert_close(found, jacobian.mean(dim=0), rtol=1e-3, atol=1e-4)
    for method in ("pcgrad", "gradvac", "graddrop"):
        torch.testing.assert_close(direction(jacobian, method), jacobian.sum(dim=0))


@patient
@given(jacobians(), st.sampled_from([0.1, 0.5, 4.0]))
def test_whose_direction_does_not_depend_on_the_scale_of_a_loss(jacobian: Tensor, scale: float) -> None:
    scales = torch.ones(len(jacobian), 1)
    scales[0] = scale
    for method, options in [("imtl_g", {}), ("config", {}), ("fairgrad", {"alpha": 1.0})]:
        plain, scaled = (direction(rows, method, **options) for rows in (jacobian, scales * jacobian))
        assert alike(plain, scaled), method


@pytest.mark.parametrize("method", ["upgrad", "dual_proj", "pcgrad", "mgda", "cagrad"])
def test_whose_direction_depends_on_it(method: str) -> None:
    rows = torch.tensor([[1.0, 0.0], [-0.5, 1.0]])
    assert not alike(direction(rows, method), direction(rows * torch.tensor([[9.0], [1.0]]), method))


@patient
@given(jacobians())
def test_equations_of_the_papers(jacobian: Tensor) -> None:
    tasks = len(jacobian)
    mean = jacobian.mean(dim=0)

    impartial = direction(jacobian, "imtl_g")
    along = jacobian @ impartial / jacobian.norm(dim=1)
    torch.testing.assert_close(along, along.mean().expand(tasks), rtol=1e-2, atol=1e-4)
    assert along.mean() > 0

    config = direction(jacobian, "config")
    cosines = torch.cosine_similarity(jacobian, config[None])
    torch.testing.assert_close(cosines, cosines.mean().expand(tasks), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(config.norm(), (jacobian @ config).sum() / config.norm(), rtol=1e-3, atol=1e-5)

    fair = direction(jacobian, "fairgrad", alpha=2.0)
    shares = torch.linalg.lstsq(jacobian.T, fair).solution
    products = shares.clamp(min=0).sqrt() * (jacobian @ fair)
    torch.testing.assert_close(products, products.mean().expand(tasks), rtol=5e-2, atol=1e-4)

    u, singular, v = torch.linalg.svd(jacobian, full_matrices=False)
    aligned = singular[-1] * (u @ v).mean(dim=0)
    torch.testing.assert_close(direction(jacobian, "aligned_mtl"), aligned, rtol=1e-2, atol=1e-4)

    averse = direction(jacobian, "cagrad", c=0.4)
    torch.testing.assert_close((averse - mean).norm(), 0.4 * mean.norm(), rtol=1e-2, atol=1e-4)
    assert (jacobian @ averse).min() >= (jacobian @ mean).min() - 1e-4


@pytest.mark.parametrize("seed", range(6))
def test_nash_is_a_bargain_whatever_the_scale_of_a_loss(seed: int) -> None:
    """On given Jacobians: there are some, about one of 150, for which its solver finds no solution."""
    torch.manual_seed(seed)
    jacobian = torch.randn(2 + seed % 2, 6)
    for scale in (0.1, 1.0, 4.0):
        rows = jacobian * torch.tensor([[scale], [1.0], [1.0]])[: len(jacobian)]
        found = direction(rows, "nash_mtl")
        products = torch.linalg.lstsq(rows.T, found).solution * (rows @ found)
        torch.testing.assert_close(products, products.mean().expand(len(rows)), rtol=1e-2, atol=0)
        assert alike(found, direction(jacobian, "nash_mtl"))


def test_graddrop_keeps_one_sign_per_parameter_as_often_as_it_pulls() -> None:
    rows = torch.tensor([[3.0, 1.0], [-1.0, 1.0]])
    torch.manual_seed(0)
    draws = torch.stack([direction(rows, "graddrop") for _ in range(1_000)])
    draws = draws.round(decimals=4)
    assert set(draws[:, 0].tolist()) == {3.0, -1.0}
    assert (draws[:, 0] == 3).float().mean().item() == pytest.approx(0.75, abs=0.05)
    assert (draws[:, 1] == 2).all()
    kept = torch.stack([direction(rows, "graddrop", leak={"a": 1.0, "b": 1.0}) for _ in range(9)])
    torch.testing.assert_close(kept, rows.sum(dim=0).expand(9, 2))


@pytest.mark.parametrize("method", ["upgrad", "dual_proj", "config", "aligned_mtl"])
def test_a_preference_draws_the_direction_towards_its_task(method: str) -> None:
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    even, drawn, other = (direction(rows, method, preference=p) for p in ({}, {"a": 3.0}, {"b": 1 / 3}))
    assert even[0] == pytest.approx(even[1].item())
    assert drawn[0] == pytest.approx(3 * drawn[1].item(), rel=1e-3)
    torch.testing.assert_close(drawn, other)


@pytest.mark.parametrize("method", OF_GRADIENTS)
@pytest.mark.parametrize("scale", [2.0**-30, 2.0**30])
def test_the_scale_of_all_losses_is_that_of_the_direction(method: str, scale: float) -> None:
    """Also where squared gradients are below what solvers take for 0. `excess_mtl`'s estimates are not of that kind."""
    if method == "excess_mtl":
        scale = 1.0 + (scale > 1)
    rows = torch.tensor([[-4.0, 1.0, 1.0, 0.5], [6.0, 1.0, 1.0, -0.25], [1.0, -2.0, 0.5, 3.0]])
    torch.manual_seed(0)
    plain = direction(rows, method)
    torch.manual_seed(0)
    scaled = direction(scale * rows, method)
    torch.testing.assert_close(scaled / scale, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", OF_GRADIENTS)
def test_a_gradient_of_exactly_0_has_no_say(method: str) -> None:
    torch.manual_seed(0)
    alone = shared_gradient(built(method), CONFLICT, positions=(0, 2))
    torch.manual_seed(0)
    rows = torch.stack([CONFLICT[0], torch.zeros(3), CONFLICT[1]])
    torch.testing.assert_close(shared_gradient(built(method), rows), alone)
    assert torch.equal(shared_gradient(built(method), torch.zeros(3, 3)), torch.zeros(3))
