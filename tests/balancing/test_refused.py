"""Problems that cannot be balanced are refused: when parsed, when built, and before an update."""

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest
import torch
import torchjd.aggregation
from pydantic import ValidationError

from mtl_core.balancing import aggregation
from mtl_core.config import parse_problem
from mtl_core.errors import ProblemError, TrainingError
from tests.balancing.toy import AGGREGATIONS, TASKS, ToyTraining, built, options_of, same, shared_gradient
from tests.small import document


@pytest.mark.parametrize(
    ("method", "option", "refused", "accepted"),
    [
        ("constant", "weights", {"a": 0.0}, {"a": 0.5}),
        ("constant", "weights", {}, {"a": 1}),
        ("dwa", "temperature", 0.0, 0.1),
        ("famo", "learning_rate", 0.0, 1.0),
        ("famo", "weight_decay", -0.1, 0.0),
        ("stch", "mu", 0.0, 0.01),
        ("stch", "preference", {"a": -1}, {"a": 0.1}),
        ("pbi", "theta", -0.1, 0.0),
        ("cosmos", "penalty", -0.1, 0.0),
        ("upgrad", "preference", {"a": 0}, {"a": 2}),
        ("graddrop", "leak", {"a": 1.1}, {"a": 1.0}),
        ("gradvac", "beta", 0.0, 1.0),
        ("mgda", "iterations", 0, 1),
        ("cagrad", "c", 1.0, 0.0),
        ("nash_mtl", "every", 0, 1),
        ("nash_mtl", "iterations", 0, 1),
        ("aligned_mtl", "scale", "mean", "rmse"),
        ("fairgrad", "alpha", 0.0, 0.1),
        ("excess_mtl", "step_size", 0.0, 0.1),
        ("excess_mtl", "warm_up", -1, 0),
        ("gradnorm", "alpha", -0.1, 0.0),
        ("gradnorm", "learning_rate", 0.0, 1.0),
        ("mean", "weights", {"a": 1}, None),
    ],
)
def test_bounds_of_options(method: str, option: str, refused: object, accepted: object) -> None:
    with pytest.raises(ValidationError, match=option):
        options_of(method, **{option: refused})
    if accepted is not None:
        assert options_of(method, **{option: accepted}).build(TASKS)


@pytest.mark.parametrize(
    ("method", "option"),
    [("constant", "weights"), ("graddrop", "leak")]
    + [(m, "preference") for m in ("stch", "pbi", "cosmos", "upgrad", "dual_proj", "config", "aligned_mtl")],
)
def test_an_option_per_task_must_name_declared_tasks(method: str, option: str) -> None:
    assert parse_problem(document(balancing={"method": method, option: {"late": 0.5}}))
    with pytest.raises(ProblemError, match=rf"training\.balancing\.{option}\.lat: .* 'lat'; did you mean 'late'"):
        parse_problem(document(balancing={"method": method, option: {"minutes": 0.5, "lat": 0.5}}))


@pytest.mark.parametrize(
    ("method", "packages"),
    [
        ("upgrad", ["qpsolvers", "quadprog"]),
        ("dual_proj", ["qpsolvers", "quadprog"]),
        ("cagrad", ["cvxpy", "clarabel"]),
        ("nash_mtl", ["cvxpy", "ecos"]),
        ("fairgrad", ["scipy"]),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    method: str, packages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in packages:

        def find_spec(name: str, missing: str = package) -> ModuleSpec | None:
            return None if name == missing else importlib.util.find_spec(name)

        monkeypatch.setattr(aggregation, "find_spec", find_spec)
        with pytest.raises(ProblemError, match=rf"{method} .*: {package}; .* pip install \"trunkline\[solvers\]\"$"):
            built(method)


@pytest.mark.parametrize("method", [*AGGREGATIONS, "gradnorm"])
@pytest.mark.parametrize("factor", [torch.nan, torch.inf, 1e38])
def test_a_gradient_that_is_not_finite_is_refused_with_its_task_before_an_update(method: str, factor: float) -> None:
    training = ToyTraining(method)
    training.epoch(1)
    before = training.state()
    training.optimizer.zero_grad()
    losses = dict(training.losses(0))
    losses[1] = losses[1] + (training.network.trunk[2].weight * factor).sum()
    with pytest.raises(TrainingError, match=r"found b \((nan|inf)\); nothing was updated"):
        training.balancer.backward(losses, training.network.shared())
    assert same(before, training.state())


def test_the_error_of_a_solver_names_the_method_and_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ArithmeticError("infeasible")

    monkeypatch.setattr(torchjd.aggregation.MGDA, "forward", fail)
    with pytest.raises(TrainingError, match=r"mgda .* a, c: infeasible; nothing was updated"):
        shared_gradient(built("mgda"), torch.eye(2), positions=(0, 2))


def test_a_direction_that_is_not_finite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchjd.aggregation.MGDA, "forward", lambda _, rows: rows.sum(dim=0) / 0)
    with pytest.raises(TrainingError, match=r"mgda .* found inf in it; nothing was updated"):
        shared_gradient(built("mgda"), torch.eye(2))


def test_torchjd_is_not_imported_before_a_method_needs_it() -> None:
    script = (
        "import sys; from pydantic import TypeAdapter; from mtl_core.config.balancing import AnyBalancing, Mean; "
        "TypeAdapter(AnyBalancing).validate_python({'method': 'upgrad'}); Mean().build(('a', 'b')); "
        "print([m for m in ('torchjd', 'cvxpy', 'qpsolvers') if m in sys.modules])"
    )
    completed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert completed.stdout == "[]\n"
