"""Options that may be tuned, and the problem after a change of one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.config import Prune, SearchRange, parse_problem
from mtl_core.config.changes import get_option, set_options, to_document, with_options
from mtl_core.errors import ProblemError
from tests.config.orders import changed, merged

RATE = {"low": 0.001, "high": 0.1, "log": True}

OPTION = "must be an option of model or training, or of a task's objective"
OBJECTIVE = "must be an option of the task's objective"
VALID = "each value must make a valid problem, alone or with a value of another tuned option"

REFUSED: list[tuple[str, Any, str]] = [
    # Paths
    (
        "training.learning_rat",
        RATE,
        "must be a path into params.yaml, found 'learning_rat'; did you mean 'learning_rate'?",
    ),
    ("training.refit_heads", {"choices": [1, 2]}, "must be a path into params.yaml, found 'refit_heads'; it is called"),
    ("model.trunk.experts", {"low": 2, "high": 8}, "must be a path into params.yaml, found 'experts'"),
    ("training.learning_rate.x", RATE, "must be a path into params.yaml, found 'x'"),
    ("split.validation", RATE, OPTION),
    ("training", {"choices": [{}, {"epochs": 3}]}, OPTION),
    ("training.seed", {"low": 0, "high": 9}, "must be the same in all trials"),
    ("training.threads", {"low": 1, "high": 2}, "must be the same in all trials"),
    ("tasks.days", {"choices": [{}, {"weight": 2.0}]}, OBJECTIVE),
    ("tasks.dayz.weight", RATE, "must name a declared task, found 'dayz'; did you mean 'days'?"),
    (
        "tasks.days.target",
        {"choices": ["days", "amount"]},
        f"{OBJECTIVE}, since all trials share the encoded rows, found 't",
    ),
    ("tasks.days.label_smoothing", RATE, OBJECTIVE),
    ("tasks.days.metric", {"choices": ["mae", "rmse"]}, "must be the same in all trials, since metrics depend on it"),
    # Values
    (
        "training.learning_rate",
        {"low": 0.0, "high": 0.1},
        f"{VALID}, found 0.0 (training.learning_rate: input should be",
    ),
    ("model.trunk.dropout", {"low": 0, "high": 1}, f"{VALID}, found 1 (model.trunk.dropout:"),
    (
        "training.balancing.method",
        {"choices": ["mean", "uww"]},
        f"{VALID}, found 'uww' (training.balancing.method: unknown;",
    ),
    (
        "model.trunk.kind",
        {"choices": ["shared_bottom", "single_task"]},
        f"{VALID}, found 'single_task' (training.balanc",
    ),
    ("training.stopping.tasks.dayz.patience", {"choices": [2, 3]}, f"{VALID}, found 2"),
    # Ranges
    ("model.embedding", {"low": 1, "choices": [1, 2]}, "must be a range, or choices"),
    ("model.embedding", {"step": 1, "choices": [1, 2]}, "must be a range, or choices"),
    ("model.embedding", {"low": 1}, "must have low and high, or choices"),
    ("model.embedding", {"low": 8, "high": 8}, "low: must be less than high, found 8 and 8"),
    ("training.weight_decay", {"low": 0.0, "high": 0.1, "log": True}, "low: must be above 0 with log, found 0.0"),
    ("model.embedding", {"low": 8, "high": 16, "log": True, "step": 4}, "step: cannot be combined with log"),
    (
        "model.embedding",
        {"low": 8, "high": 16, "step": 3},
        "high: must be a number of steps above low, found 8 to 16 by 3",
    ),
    ("model.embedding", {"low": 8, "high": 16, "step": 0}, "step: must be above 0"),
    ("model.embedding", {"low": 8, "high": 16, "step": 0.5}, "step: must be above 0, and whole between whole numbers"),
    ("model.embedding", {"choices": [8]}, "choices: must be at least two different values"),
    ("model.embedding", {"choices": [8, 8, 9]}, "choices: must be at least two different values"),
]


def tuned(space: dict[str, Any], **options: Any) -> dict[str, Any]:
    document = merged({"model.trunk": {"kind": "shared_bottom", "widths": [8], "dropout": 0.2}})
    document["training"] = {"balancing": {"method": "upgrad"}, "stopping": {"policy": "joint"}}
    return document | {"tuning": {"space": space, **options}}


@pytest.mark.parametrize(("path", "values", "error"), REFUSED)
def test_an_invalid_range_or_path_is_refused(path: str, values: dict[str, Any], error: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_problem(tuned({path: values}))
    assert str(caught.value).split("\n")[1].strip().startswith(f"tuning.space.{path}: {error}")


def test_a_choice_may_need_a_value_of_another_tuned_option() -> None:
    """A trial's width, written into params.yaml, must not make the other choices of the space invalid."""
    space = {
        "model.trunk.kind": {"choices": ["shared_bottom", "single_task"]},
        "training.balancing.method": {"choices": ["mean", "upgrad"]},
    }
    assert parse_problem(tuned(space)).tuning is not None
    with pytest.raises(ProblemError, match="found 'single_task'"):
        parse_problem(tuned(space | {"training.balancing.method": {"choices": ["mgda", "upgrad"]}}))


@pytest.mark.parametrize("path", ["tasks.a.b.weight", "tasks.a.b"])
def test_a_task_with_a_dot_in_its_name_is_refused(path: str) -> None:
    document = tuned({path: RATE})
    document["tasks"] |= {"a.b": document["tasks"]["days"]}
    with pytest.raises(ProblemError, match=r"a name with a dot, found task 'a\.b'; rename the task"):
        parse_problem(document)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("tasks.days.weight", {"low": 0.5, "high": 2.0}),
        ("tasks.days.loss", {"choices": ["absolute", "huber"]}),
        ("tasks.returned.label_smoothing", {"low": 0.0, "high": 0.2}),
        ("tasks.returned.positive_weight", {"choices": [1.0, "balanced"]}),
    ],
)
def test_an_option_of_an_objective_is_tuned(path: str, values: dict[str, Any]) -> None:
    problem = parse_problem(tuned({path: values}))
    assert problem.tuning is not None
    name, option = path.split(".")[1:]
    for value in problem.tuning.space[path].values:
        assert getattr(with_options(problem, {path: value}).tasks[name], option) == value


def test_a_path_inside_a_tuned_section_is_refused() -> None:
    space = {
        "model.trunk": {"choices": [{"kind": "mmoe"}, {"kind": "cgc"}]},
        "model.trunk.dropout": {"low": 0.0, "high": 0.5},
    }
    with pytest.raises(ProblemError, match=r"model\.trunk\.dropout: lies inside of model\.trunk"):
        parse_problem(tuned(space))


def test_the_search_is_not_checked_in_a_problem_that_is_invalid_without_it() -> None:
    document = changed("tasks.days.metric", "maes", tuned({"training.learning_rate": RATE}))
    with pytest.raises(ProblemError) as caught:
        parse_problem(document)
    assert str(caught.value).startswith("params.yaml: 1 error\n  tasks.days.metric")


@pytest.mark.parametrize(
    ("option", "rule"),
    [(True, Prune()), (False, None), (None, None), ({"warm_up": 1}, Prune(warm_up=1))],
)
def test_true_is_the_default_rule_of_pruning_and_false_is_none(option: Any, rule: Prune | None) -> None:
    problem = parse_problem(tuned({"training.learning_rate": RATE}, prune=option))
    assert problem.tuning is not None
    assert problem.tuning.prune == rule


def test_tuning_is_in_no_dump() -> None:
    with_tuning = parse_problem(tuned({"training.learning_rate": RATE}))
    without = parse_problem({key: value for key, value in tuned({}).items() if key != "tuning"})
    assert with_tuning.model_dump_json() == without.model_dump_json()
    assert to_document(with_tuning) == to_document(without)


def test_a_new_kind_keeps_the_options_that_it_has() -> None:
    document = to_document(parse_problem(changed("model.trunk", {"kind": "mmoe", "experts": 3, "widths": [8]})))
    problem = parse_problem(document)
    applied = set_options(document, type(problem), {"model.trunk.experts": 5, "model.trunk.kind": "shared_bottom"})
    assert document["model"]["trunk"] == {"kind": "shared_bottom", "widths": (8,)}
    assert applied == {"model.trunk.kind": "shared_bottom"}, "it has no experts"
    same = to_document(problem)
    set_options(same, type(problem), {"model.trunk.kind": "mmoe", "model.trunk.experts": 5})
    assert same["model"]["trunk"] == {"kind": "mmoe", "experts": 5, "widths": (8,)}


def test_an_option_of_a_section_that_is_not_in_the_document() -> None:
    plain = parse_problem(merged({}))
    assert with_options(plain, {"model.trunk.dropout": 0.4}).model.trunk == plain.model.trunk.model_copy(
        update={"dropout": 0.4}
    )
    finetune = with_options(plain, {"training.finetune_heads.patience": 7}).training.finetune_heads
    assert finetune is not None
    assert finetune.patience == 7
    distilled = with_options(plain, {"training.teachers.days.kind": "single_task"})
    assert distilled.training.teachers["days"].kind == "single_task"
    assert get_option(plain, "training.learning_rate") == plain.training.learning_rate
    assert get_option(plain, "training.finetune_heads.patience") is None


@given(low=st.integers(1, 50), width=st.integers(1, 50), value=st.integers(-5, 120))
def test_a_range_spans_its_ends_and_the_values_between(low: int, width: int, value: int) -> None:
    whole = SearchRange(low=low, high=low + width)
    assert whole.spans(value) == (low <= value <= low + width)
    assert whole.values == (low, low + width)
    assert not whole.spans(low + 0.5)
    assert not whole.spans(True)
    assert SearchRange(low=float(low), high=float(low + width)).spans(low + 0.5)
    assert not SearchRange(choices=(low, "x")).spans(low)


def test_a_range_with_steps_spans_only_the_steps() -> None:
    steps = SearchRange(low=0.0, high=0.5, step=0.1)
    assert all(steps.spans(value) for value in (0.0, 0.1, 0.3, 0.5))
    assert not any(steps.spans(value) for value in (0.05, 0.6, "0.1", None))
