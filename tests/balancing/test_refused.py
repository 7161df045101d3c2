"""Problems that cannot be balanced are refused: at declaration, at build, and before a parameter moves."""

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
from tests.balancing.toy import OF_GRADIENTS, TASKS, Bench, built, declared, same, shared_gradient
from tests.small import document


@pytest.mark.parametrize(
    ("method", "option", "wrong", "right"),
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
def test_bounds_of_options(method: str, option: str, wrong: object, right: object) -> None:
    with pytest.raises(ValidationError, match=option):
        declared(method, **{option: wrong})
    if right is not None:
        assert declared(method, **{option: right}).build(TASKS)


@pytest.mark.parametrize(
    ("method", "option"),
    [("constant", "weights"), ("graddrop", "leak")]
    + [(m, "preference") for m in ("stch", "pbi", "cosmos", "upgrad", "dual_proj", "config", "aligned_mtl")],
)
def test_a_name_that_is_no_task_is_refused(method: str, option: str) -> None:
    assert parse_problem(document(balancing={"method": method, option: {"late": 0.5}}))
    message = rf"training\.balancing\.{option}\.lat: must be a declared task, found 'lat'; did you mean 'late'\?"
    with pytest.raises(ProblemError, match=message):
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
def test_a_missing_solver_is_named_with_the_fix(
    method: str, packages: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in packages:

        def found(name: str, missing: str = package) -> ModuleSpec | None:
            return None if name == missing else importlib.util.find_spec(name)

        monkeypatch.setattr(aggregation, "find_spec", found)
        with pytest.raises(ProblemError, match=rf"{method} .*: {package}; .* pip install \"trunkline\[solvers\]\"$"):
            built(method)


@pytest.mark.parametrize("method", [*OF_GRADIENTS, "gradnorm"])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf, 1e30])
def test_a_gradient_that_is_not_finite_names_its_task_and_moves_nothing(method: str, bad: float) -> None:
    bench = Bench(method)
    bench.epoch(1)
    before = bench.state()
    bench.optimizer.zero_grad()
    losses = dict(bench.losses(0))
    losses[1] = losses[1] + (bench.network.trunk[2].weight * bad).sum() * (1 if bad != 1e30 else 1e8)
    match = r"must have a finite norm, found b \((nan|inf)\); nothing was updated\. Lower training\.learning_rate"
    with pytest.raises(TrainingError, match=match):
        bench.balancer.backward(losses, bench.network.shared())
    assert same(before, bench.state())


def test_a_solver_that_fails_is_named_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ArithmeticError("no way down")

    monkeypatch.setattr(torchjd.aggregation.MGDA, "forward", fail)
    with pytest.raises(TrainingError, match=r"mgda found no direction between the gradients of a, c: no way down; "):
        shared_gradient(built("mgda"), torch.eye(2), positions=(0, 2))


def test_a_direction_that_is_not_finite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchjd.aggregation.MGDA, "forward", lambda _, rows: rows.sum(dim=0) / 0)
    with pytest.raises(TrainingError, match="mgda must find a finite direction, found inf in it; nothing was updated"):
        shared_gradient(built("mgda"), torch.eye(2))


def test_a_declared_problem_is_read_without_torchjd() -> None:
    """It takes seconds to import: only the method that needs it pays."""
    script = (
        "import sys; from pydantic import TypeAdapter; from mtl_core.config.balancing import AnyBalancing, Mean; "
        "TypeAdapter(AnyBalancing).validate_python({'method': 'upgrad'}); Mean().build(('a', 'b')); "
        "print([m for m in ('torchjd', 'cvxpy', 'qpsolvers') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
