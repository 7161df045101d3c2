"""Options that may be tuned, and the problem after a change of one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.config import Prune, SearchRange, parse_problem
from mtl_core.config.changes import get_option, set_options, to_document, with_options
from mtl_core.errors import ProblemError
from tests.config.orders import changed as with_value
from tests.config.orders import merged

RATE = {"low": 0.001, "high": 0.1, "log": True}

REFUSED: dict[str, tuple[str, Any, str]] = {
    "a misspelt option": (
        "training.learning_rat",
        RATE,
        "tuning.space.training.learning_rat: must be a path into params.yaml, found 'learning_rat'; did you mean "
        "'learning_rate'?",
    ),
    "a renamed option": (
        "training.refit_heads.epochs",
        {"low": 2, "high": 8},
        "tuning.space.training.refit_heads: must be a path into params.yaml, found 'refit_heads'; it is called "
        "'finetune_heads' now, rename it",
    ),
    "an option of another kind": (
        "model.trunk.experts",
        {"low": 2, "high": 8},
        "tuning.space.model.trunk.experts: must be a path into params.yaml, found 'experts'",
    ),
    "inside of a number": (
        "training.learning_rate.x",
        RATE,
        "tuning.space.training.learning_rate.x: must be a path into params.yaml, found 'x'",
    ),
    "what is prepared": (
        "split.validation",
        RATE,
        "tuning.space.split.validation: must be an option of model or training, or of a task's objective (tasks.NAME."
        "OPTION), found 'split.validation'",
    ),
    "a whole section": (
        "training",
        {"choices": [{}, {"epochs": 3}]},
        "tuning.space.training: must be an option of model or training, or of a task's objective (tasks.NAME.OPTION), "
        "found 'training'",
    ),
    "a task as a whole": (
        "tasks.days",
        {"choices": [{}, {"weight": 2.0}]},
        "tuning.space.tasks.days: must be an option",
    ),
    "no task": (
        "tasks.dayz.weight",
        RATE,
        "tuning.space.tasks.dayz.weight: must name a declared task, found 'dayz'; did you mean 'days'?",
    ),
    "what is encoded of a task": (
        "tasks.days.target",
        {"choices": ["days", "amount"]},
        "tuning.space.tasks.days.target: must be an option of the task's objective, since all trials share the encoded "
        "rows, found 'target'; valid: ",
    ),
    "a misspelt option of a task": (
        "tasks.days.wieght",
        RATE,
        "tuning.space.tasks.days.wieght: must be an option of the task's objective, since all trials share the encoded "
        "rows, found 'wieght'; did you mean 'weight'?",
    ),
    "an option of another kind of task": (
        "tasks.days.label_smoothing",
        RATE,
        "tuning.space.tasks.days.label_smoothing: must be an option of the task's objective",
    ),
    "the metric": (
        "tasks.days.metric",
        {"choices": ["mae", "rmse"]},
        "tuning.space.tasks.days.metric: decides how the task is measured, and trials are compared by that, found "
        "'metric'; leave it out",
    ),
    "a weight of a task that is none": (
        "tasks.days.weight",
        {"low": 0.0, "high": 2.0},
        "tuning.space.tasks.days.weight: each value alone must make a valid problem, found 0.0 (tasks.days.weight: ",
    ),
    "the seed": ("training.seed", {"low": 0, "high": 9}, "tuning.space.training.seed: must be the same in all trials"),
    "the threads": (
        "training.threads",
        {"low": 1, "high": 2},
        "tuning.space.training.threads: must be the same in all trials",
    ),
    "a bound that is none": (
        "training.learning_rate",
        {"low": 0.0, "high": 0.1},
        "tuning.space.training.learning_rate: each value alone must make a valid problem, found 0.0 (training."
        "learning_rate: input should be greater than 0; found 0.0); take it out",
    ),
    "whole numbers for a share": (
        "model.trunk.dropout",
        {"low": 0, "high": 1},
        "tuning.space.model.trunk.dropout: each value alone must make a valid problem, found 1 (model.trunk.dropout:",
    ),
    "a choice that is none": (
        "training.balancing.method",
        {"choices": ["mean", "uww"]},
        "tuning.space.training.balancing.method: each value alone must make a valid problem, found 'uww' (training."
        "balancing.method: unknown; found 'uww'; did you mean 'uw'?); take it out",
    ),
    "a choice that does not fit": (
        "model.trunk.kind",
        {"choices": ["shared_bottom", "single_task"]},
        "tuning.space.model.trunk.kind: each value alone must make a valid problem, found 'single_task' (training."
        "balancing.method: upgrad weighs the tasks' gradients",
    ),
    "an unknown task": (
        "training.stopping.tasks.dayz.patience",
        {"choices": [2, 3]},
        "tuning.space.training.stopping.tasks.dayz.patience: each value alone must make a valid problem, found 2",
    ),
    "both": (
        "model.embedding",
        {"low": 1, "choices": [1, 2]},
        "tuning.space.model.embedding: must be a range, or choices",
    ),
    "neither": ("model.embedding", {"low": 1}, "tuning.space.model.embedding: must have low and high, or choices"),
    "upside down": (
        "model.embedding",
        {"low": 8, "high": 4},
        "tuning.space.model.embedding: low: must be less than high",
    ),
    "a point": ("model.embedding", {"low": 8, "high": 8}, "tuning.space.model.embedding: low: must be less than high"),
    "ratios of 0": (
        "training.weight_decay",
        {"low": 0.0, "high": 0.1, "log": True},
        "tuning.space.training.weight_decay: low: must be above 0 with log, found 0.0",
    ),
    "steps of ratios": (
        "model.embedding",
        {"low": 8, "high": 16, "log": True, "step": 4},
        "tuning.space.model.embedding: step:",
    ),
    "half a step": (
        "model.embedding",
        {"low": 8, "high": 16, "step": 3},
        "tuning.space.model.embedding: high: must be a number of steps above low, found 8 to 16 by 3",
    ),
    "no step": (
        "model.embedding",
        {"low": 8, "high": 16, "step": 0},
        "tuning.space.model.embedding: step: must be above 0",
    ),
    "a broken step": (
        "model.embedding",
        {"low": 8, "high": 16, "step": 0.5},
        "tuning.space.model.embedding: step: must be",
    ),
    "one choice": ("model.embedding", {"choices": [8]}, "tuning.space.model.embedding: choices: must be two at least"),
    "a choice twice": ("model.embedding", {"choices": [8, 8, 9]}, "tuning.space.model.embedding: choices: must be two"),
    "a misspelt key": (
        "model.embedding",
        {"lo": 1, "high": 2},
        "tuning.space.model.embedding.lo: unknown key; did you",
    ),
    "words for a bound": ("model.embedding", {"low": "a", "high": 2}, "tuning.space.model.embedding.low: must be"),
}


def tuned(space: dict[str, Any], **options: Any) -> dict[str, Any]:
    document = merged({"model.trunk": {"kind": "shared_bottom", "widths": [8], "dropout": 0.2}})
    document["training"] = {"balancing": {"method": "upgrad"}, "stopping": {"policy": "joint"}}
    return document | {"tuning": {"space": space, **options}}


@pytest.mark.parametrize(("path", "values", "line"), REFUSED.values(), ids=REFUSED)
def test_refused_at_the_door(path: str, values: dict[str, Any], line: str) -> None:
    with pytest.raises(ProblemError) as caught:
        parse_problem(tuned({path: values}))
    assert str(caught.value).split("\n")[1].strip().startswith(line)


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


def test_one_path_inside_of_another() -> None:
    space = {
        "model.trunk": {"choices": [{"kind": "mmoe"}, {"kind": "cgc"}]},
        "model.trunk.dropout": {"low": 0.0, "high": 0.5},
    }
    with pytest.raises(
        ProblemError, match=r"model\.trunk\.dropout: lies inside of model\.trunk, which is tuned as a whole"
    ):
        parse_problem(tuned(space))


def test_a_problem_with_another_mistake_tells_of_that_alone() -> None:
    document = with_value("tasks.days.metric", "maes", tuned({"training.learning_rate": RATE}))
    with pytest.raises(ProblemError) as caught:
        parse_problem(document)
    assert str(caught.value).startswith("params.yaml: 1 error\n  tasks.days.metric")


@pytest.mark.parametrize(
    ("given", "rule"),
    [(True, Prune()), (False, None), (None, None), ({"warm_up": 1}, Prune(warm_up=1))],
)
def test_pruning(given: Any, rule: Prune | None) -> None:
    problem = parse_problem(tuned({"training.learning_rate": RATE}, prune=given))
    assert problem.tuning is not None
    assert problem.tuning.prune == rule


def test_tuning_is_in_no_dump_since_it_decides_nothing_that_is_learned() -> None:
    with_it = parse_problem(tuned({"training.learning_rate": RATE}))
    without = parse_problem({key: value for key, value in tuned({}).items() if key != "tuning"})
    assert with_it.model_dump_json() == without.model_dump_json()
    assert to_document(with_it) == to_document(without)


def test_another_kind_keeps_what_it_knows() -> None:
    document = to_document(parse_problem(with_value("model.trunk", {"kind": "mmoe", "experts": 3, "widths": [8]})))
    problem = parse_problem(document)
    done = set_options(document, type(problem), {"model.trunk.experts": 5, "model.trunk.kind": "shared_bottom"})
    assert document["model"]["trunk"] == {"kind": "shared_bottom", "widths": (8,)}
    assert done == {"model.trunk.kind": "shared_bottom"}  # which knows no experts
    same = to_document(problem)
    set_options(same, type(problem), {"model.trunk.kind": "mmoe", "model.trunk.experts": 5})
    assert same["model"]["trunk"] == {"kind": "mmoe", "experts": 5, "widths": (8,)}


def test_an_option_of_a_section_that_is_not_written() -> None:
    plain = parse_problem(merged({}))
    assert with_options(plain, {"model.trunk.dropout": 0.4}).model.trunk == plain.model.trunk.model_copy(
        update={"dropout": 0.4}
    )
    refit = with_options(plain, {"training.finetune_heads.patience": 7}).training.finetune_heads
    assert refit is not None
    assert refit.patience == 7
    taught = with_options(plain, {"training.teachers.days.kind": "single_task"})
    assert taught.training.teachers["days"].kind == "single_task"
    assert get_option(plain, "training.learning_rate") == plain.training.learning_rate
    assert get_option(plain, "training.finetune_heads.patience") is None


@given(low=st.integers(1, 50), width=st.integers(1, 50), value=st.integers(-5, 120))
def test_a_range_spans_its_ends_and_what_lies_between(low: int, width: int, value: int) -> None:
    whole = SearchRange(low=low, high=low + width)
    assert whole.spans(value) == (low <= value <= low + width)
    assert whole.values == (low, low + width)
    assert not whole.spans(low + 0.5)
    assert not whole.spans(True)
    assert SearchRange(low=float(low), high=float(low + width)).spans(low + 0.5)
    assert not SearchRange(choices=(low, "x")).spans(low)


def test_a_range_with_steps_spans_the_steps_alone() -> None:
    steps = SearchRange(low=0.0, high=0.5, step=0.1)
    assert all(steps.spans(value) for value in (0.0, 0.1, 0.3, 0.5))
    assert not any(steps.spans(value) for value in (0.05, 0.6, "0.1", None))
