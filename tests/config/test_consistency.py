"""Sections of a declared problem that are valid by themselves and do not fit together."""

from typing import Any

import pytest

from mtl_core.config import parse_problem
from mtl_core.errors import ProblemError
from tests.config.orders import merged

SINGLE = {"kind": "single_task"}
GROUPS = {"kind": "clustering", "clusters": 3}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an aggregation without shared parameters": (
        {"model.trunk": SINGLE, "training.balancing": {"method": "upgrad"}},
        "training.balancing.method: upgrad weighs the tasks' gradients on shared parameters, found model.trunk.kind "
        "single_task",
    ),
    "weights from gradients without shared parameters": (
        {"model.trunk": SINGLE, "training.balancing": {"method": "gradnorm"}},
        "training.balancing.method: gradnorm weighs the tasks' gradients on shared parameters",
    ),
    "gradients of a single task": (
        {"tasks.days": ..., "training.balancing": {"method": "mgda"}},
        "training.balancing.method: mgda weighs the gradients of several tasks, found one task; use mean",
    ),
    "a teacher of an unsupervised task": (
        {"tasks.groups": GROUPS, "training.teachers": {"groups": {"kind": "boosted"}}},
        "training.teachers.groups: must be a supervised task, found kind clustering",
    ),
    "a single-task teacher of a single-task trunk": (
        {"model.trunk": SINGLE, "training.teachers": {"days": {"kind": "single_task"}}},
        "training.teachers.days.kind: a single_task teacher needs a task that shares parameters",
    ),
    "a single-task teacher of the only task": (
        {"tasks.returned": ..., "training.teachers": {"days": {"kind": "single_task"}}},
        "training.teachers.days.kind: a single_task teacher needs a task that shares parameters",
    ),
    "8 bits with one of two limits": (
        {"export": {"int8": True}, "gates": {"parity": {"adversarial_rows": None}}},
        "export.int8: the limit on the difference from the network must be declared, found no gates.parity.test_rows,",
    ),
    "8 bits without a limit": (
        {"export": {"int8": True}, "gates": {"size_mb": 5}},
        "export.int8: the limit on the difference from the network must be declared, found no gates.parity, whose "
        "default of 0.0001 is for 32 bits",
    ),
}


def error_lines(document: Any) -> list[str]:
    with pytest.raises(ProblemError) as caught:
        parse_problem(document)
    head, *lines = str(caught.value).split("\n")
    assert head == f"params.yaml: {len(lines)} error" + ("s" if len(lines) > 1 else "")
    return [line.strip() for line in lines]


@pytest.mark.parametrize(("changes", "error"), REFUSED.values(), ids=REFUSED)
def test_sections_that_do_not_fit_together_are_refused(changes: dict[str, Any], error: str) -> None:
    (line,) = error_lines(merged(changes))
    assert line.startswith(error)


@pytest.mark.parametrize(
    ("int8", "gates"),
    [(True, {"parity": 1e-4}), (True, {"parity": 0.02}), (True, {"parity": None}), (False, {})],
)
def test_8_bits_need_a_declared_parity_and_32_bits_do_not(int8: bool, gates: dict[str, Any]) -> None:
    assert parse_problem(merged({"export": {"int8": int8}, "gates": gates})).export.int8 is int8


def test_all_errors_are_listed_at_once() -> None:
    """Errors of single options first; those of options that do not fit together only without these."""
    options = {"training.epoch": 1, "name": "Orders", "data": {}, "tasks.days.weight": -1}
    assert [line.split(":")[0] for line in error_lines(merged(options))] == [
        *("name", "data.path", "tasks.days.weight", "training.epoch"),
    ]
    task = {"kind": "binary", "target": "amount"}
    consistency = {"training.stopping.tasks": {"dayz": {}}, "tasks.days.metric": "maes", "tasks.x": task}
    assert [line.split(":")[0] for line in error_lines(merged(consistency))] == [
        *("tasks.x.target", "tasks.days.metric", "training.stopping.tasks.dayz"),
    ]
