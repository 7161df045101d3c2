"""Parts of a declared problem that are right by themselves and do not fit together."""

from typing import Any

import pytest

from mtl_core.config import parse_problem
from mtl_core.errors import ProblemError
from tests.config.orders import changed, merged

SINGLE = {"kind": "single_task"}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "gradients weighed where nothing is shared": (
        {"model.trunk": SINGLE, "training.balancing": {"method": "upgrad"}},
        "training.balancing.method: upgrad weighs the tasks' gradients on shared parameters, found model.trunk.kind "
        "single_task, which has none; use mean, or a trunk that shares parameters",
    ),
    "gradient norms where nothing is shared": (
        {"model.trunk": SINGLE, "training.balancing": {"method": "gradnorm"}},
        "training.balancing.method: gradnorm weighs the tasks' gradients on shared parameters",
    ),
    "gradients of one task": (
        {"tasks.days": ..., "training.balancing": {"method": "mgda"}},
        "training.balancing.method: mgda weighs the gradients of several tasks, found one task; use mean",
    ),
    "a weight for an unknown task": (
        {"training.balancing": {"method": "constant", "weights": {"dayz": 2}}},
        "training.balancing.weights.dayz: must be a declared task, found 'dayz'; did you mean 'days'?",
    ),
    "nothing that learns from labels": (
        {"tasks": {"groups": {"kind": "clustering", "clusters": 3}}},
        "tasks: at least one supervised task is required, found only clustering",
    ),
    "a teacher for an unknown task": (
        {"training.teachers": {"dayz": {"kind": "boosted"}}},
        "training.teachers.dayz: must be a declared task, found 'dayz'; did you mean 'days'?",
    ),
    "a teacher for what teaches itself": (
        {"tasks.groups": {"kind": "clustering", "clusters": 3}, "training.teachers": {"groups": {"kind": "boosted"}}},
        "training.teachers.groups: a task of kind clustering teaches itself",
    ),
    "a teacher that is the student": (
        {"model.trunk": SINGLE, "training.teachers": {"days": {"kind": "single_task"}}},
        "training.teachers.days.kind: a single_task teacher is a network for the task alone, which it has already",
    ),
    "a teacher of the only task that is the student": (
        {"tasks.returned": ..., "training.teachers": {"days": {"kind": "single_task"}}},
        "training.teachers.days.kind: a single_task teacher is a network for the task alone, which it has already",
    ),
    "8 bits, and half of what says how far they may be off": (
        {"export": {"int8": True}, "gates": {"parity": {"adversarial_rows": None}}},
        "export.int8: how far 8 bits may be from the network must be declared, found no gates.parity.test_rows, whose ",
    ),
    "8 bits, and nothing that says how far they may be off": (
        {"export": {"int8": True}, "gates": {"size_mb": 5}},
        "export.int8: how far 8 bits may be from the network must be declared, found no gates.parity, whose default of "
        "0.0001 is for 32 bits; declare it, as a share of a task's scale, or set int8 to false",
    ),
}


@pytest.mark.parametrize(("changes", "line"), REFUSED.values(), ids=REFUSED)
def test_refused_together(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_problem(merged(changes))
    head, *lines = str(caught.value).split("\n")
    assert head == "params.yaml: 1 error"
    assert lines[0].startswith(f"  {line}")
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("changes", "int8"),
    [
        pytest.param({"export": {"int8": True}, "gates": {"parity": 1e-4}}, True, id="declared as it is"),
        pytest.param({"export": {"int8": True}, "gates": {"parity": 0.02}}, True, id="declared"),
        pytest.param({"export": {"int8": True}, "gates": {"parity": None}}, True, id="declared away"),
        pytest.param({"export": {"int8": False}, "gates": {}}, False, id="32 bits"),
        pytest.param({}, False, id="nothing said"),
    ],
)
def test_8_bits_need_a_declared_parity_and_32_need_none(changes: dict[str, Any], int8: bool) -> None:
    assert parse_problem(merged(changes)).export.int8 is int8


def test_every_mistake_is_told_at_once() -> None:
    document = merged({"training.stopping.tasks": {"dayz": {}}, "tasks.days.metric": "maes", "tasks.x.kind": "binary"})
    document["tasks"]["x"]["target"] = "amount"
    with pytest.raises(ProblemError) as caught:
        parse_problem(document)
    head, *lines = str(caught.value).split("\n")
    assert head == "params.yaml: 3 errors"
    assert [line.split(":")[0].strip() for line in lines] == [
        "tasks.x.target",
        "tasks.days.metric",
        "training.stopping.tasks.dayz",
    ]


def test_a_misspelt_key_of_a_union_is_named() -> None:
    with pytest.raises(ProblemError, match=r"training\.balancing\.methods: unknown key; did you mean 'method'\?"):
        parse_problem(changed("training.balancing", {"methods": "mean"}))
