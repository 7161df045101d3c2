"""The comparison as a whole on the small problem: arms, metrics, costs, notes, and resumption."""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mtl_core.config import Problem, parse_problem
from mtl_core.config.distillation import Boosted
from mtl_core.errors import ProblemError
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from mtl_core.studies.comparison import arms, boosted, study
from mtl_core.studies.comparison.record import BOOSTED, POLICIES, SINGLE_TASK, Comparison
from mtl_core.studies.comparison.run_files import load_predictions
from mtl_core.studies.comparison.runs import arms_of
from mtl_core.studies.comparison.serving_cost import graph_of, graphs_server
from mtl_core.studies.comparison.statistics import bootstrap_sample
from mtl_core.studies.comparison.study import compare_arms
from mtl_core.studies.progress import StudyProgress
from mtl_core.studies.requirements import check_sharing
from mtl_core.studies.splits import Splits
from mtl_core.timing import median_ms
from tests.small import Small, document, prepared, table
from tests.studies.conftest import provenance

GROUP = {"group": {"kind": "clustering", "clusters": 2}}


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Two tasks of the small problem, and an unsupervised one."""
    declared = document(epochs=2, seed=5)
    declared["tasks"] = {name: declared["tasks"][name] for name in ("late", "minutes")} | GROUP
    return prepared(tmp_path_factory.mktemp("grouped"), declared, table())


@pytest.fixture(scope="module")
def splits(grouped: Small) -> Splits:
    return Splits.open(grouped.folder / "encoded", grouped.encoder)


@pytest.fixture(scope="module")
def graph(grouped: Small) -> bytes:
    """Graph of the shared network, untrained: to export each takes seconds."""
    network = Network.seeded(grouped.problem, grouped.encoder, 0)
    return graph_of(grouped.problem, grouped.encoder, network.state_dict())


@pytest.fixture
def parameter_counts(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Few trees, few resamples, and one graph for all networks; the number of parameters of each exported network."""
    counts: list[int] = []

    def export(problem: Problem, encoder: Any, weights: Mapping[str, Any]) -> bytes:
        Network.build(problem, encoder).load_state_dict(weights)  # they fit
        counts.append(sum(x.numel() for name, x in weights.items() if not name.startswith("calibration.")))
        return graph

    monkeypatch.setattr(study, "graph_of", export)
    monkeypatch.setattr(boosted, "OPTIONS", Boosted(trees=10))
    monkeypatch.setattr(study, "bootstrap_sample", partial(bootstrap_sample, resamples=20))
    return counts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare")


def compare(grouped: Small, splits: Splits, folder: Path, *seeds: int, **options: Any) -> Comparison:
    return compare_arms(
        *(grouped.problem, grouped.encoder, splits, grouped.raw_test, folder, provenance(*seeds)),
        **({"policies": False} | options),
    )


def test_the_whole_study(grouped: Small, splits: Splits, parameter_counts: list[int], folder: Path) -> None:
    parts: list[tuple[str, int, int]] = []

    class Parts(StudyProgress):
        def on_part(self, description: str, number: int, count: int) -> None:
            parts.append((description, number, count))

    comparison = compare(grouped, splits, folder, 5, 6, policies=True, progress=Parts())
    # Every part is reported once, in order.
    assert [(number, count) for _, number, count in parts] == [(number, 12) for number in range(12)]
    assert {description for description, *_ in parts[:-2]} == {
        f"{arm}, seed {seed}" for arm in (*POLICIES, SINGLE_TASK, BOOSTED) for seed in (5, 6)
    }
    # A labelled task is compared with its single-task network and trees; an unsupervised one has neither.
    assert comparison.shared == "hold"
    for name in ("late", "minutes"):
        task = comparison.tasks[name]
        assert set(task.arms) == {*POLICIES, SINGLE_TASK, BOOSTED}
        assert list(task.arms)[:3] == ["hold", SINGLE_TASK, BOOSTED]
        assert None not in (task.over_single, task.over_boosted, task.verdict)
        assert all(len(arm.values) == 2 for arm in task.arms.values())
    group = comparison.tasks["group"]
    assert set(group.arms) == set(POLICIES)
    assert (group.over_single, group.over_boosted, group.verdict) == (None, None, None)
    assert comparison.tasks["minutes"].unit == "minutes"
    assert not comparison.tasks["minutes"].higher_is_better
    # The values are the metric of each run's predictions.
    late = next(task for task in grouped.tasks if task.name == "late")
    labels = splits.test.labels["late"]
    labelled = late.codec.labelled(labels).numpy()
    for arm in ("hold", SINGLE_TASK, BOOSTED):
        for index, seed in enumerate((5, 6)):
            predicted = load_predictions(folder / f"{arm}-{seed}")["late"][labelled]
            value = comparison.tasks["late"].arms[arm].values[index]
            assert value == pytest.approx(late.metric(labels.numpy()[labelled], predicted))
    # Costs: all networks of an arm together, of its first seed.
    shared_count, *single_counts = parameter_counts
    assert comparison.cost["hold"].parameters == shared_count
    assert comparison.cost[SINGLE_TASK].parameters == sum(single_counts)
    assert len(single_counts) == 2
    assert all(cost.seconds > 0 for cost in comparison.cost.values())
    for arm in ("hold", SINGLE_TASK, BOOSTED):
        cost = comparison.cost[arm]
        assert all((value or 0) > 0 for value in (cost.ms_1, cost.ms_1000, cost.bytes))
    assert comparison.cost["joint"].ms_1 is None
    assert (comparison.cost[SINGLE_TASK].bytes or 0) == 2 * (comparison.cost["hold"].bytes or 0)
    # Courses of the shared networks only, with the first seed.
    assert set(comparison.policies) == set(POLICIES)
    assert all(len(course.validation) == 2 for tasks in comparison.policies.values() for course in tasks.values())
    assert [note.partition(":")[0] for note in comparison.notes] == ["group", "group"]
    assert "unsupervised" in comparison.notes[0]
    assert "no trees" in comparison.notes[1]
    assert comparison.headline.startswith("Sharing ")
    assert Comparison.model_validate_json(comparison.model_dump_json()) == comparison


def test_a_study_resumes_from_its_finished_runs(
    grouped: Small, splits: Splits, parameter_counts: list[int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(*_: Any, **__: Any) -> None:
        raise AssertionError("it trains")

    first = compare(grouped, splits, folder, 5, 6)
    monkeypatch.setattr(arms, "train", forbid)
    monkeypatch.setattr(boosted.Trees, "grow", forbid)
    assert compare(grouped, splits, folder, 5, 6).tasks == first.tasks
    with pytest.raises(AssertionError, match="it trains"):
        compare(grouped, splits, folder, 5, 7)


def test_notes_name_a_single_seed_and_missing_lightgbm(
    grouped: Small, splits: Splits, parameter_counts: list[int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    comparison = compare(grouped, splits, folder, 5)
    assert {"no trees", "one seed"} <= {note.partition(":")[0] for note in comparison.notes}
    assert BOOSTED not in comparison.cost
    late = comparison.tasks["late"]
    assert set(late.arms) == {"hold", SINGLE_TASK}
    assert late.over_boosted is None
    assert late.arms["hold"].std is None
    assert set(comparison.policies) == {"hold"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tasks": {"late": document()["tasks"]["late"]}}, r"^tasks: `mtl x` needs .*two tasks, found late"),
        (
            {"model": {"trunk": {"kind": "single_task", "widths": [4]}}},
            r"^model\.trunk\.kind: `mtl x` .* found single_task; declare another",
        ),
    ],
)
def test_a_problem_that_shares_nothing_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        check_sharing(parse_problem(document() | changes), "mtl x")
    check_sharing(parse_problem(document() | {"tasks": GROUP | {"late": document()["tasks"]["late"]}}), "mtl x")


@pytest.mark.parametrize("policy", POLICIES)
def test_the_declared_policy_is_the_first_arm(policy: str) -> None:
    problem = parse_problem(document(stopping={"policy": policy}))
    assert arms_of(problem, policies=False) == (policy, SINGLE_TASK)
    assert arms_of(problem, policies=True)[:2] == (policy, SINGLE_TASK)
    assert set(arms_of(problem, policies=True)) == {*POLICIES, SINGLE_TASK}


def test_a_server_runs_every_graph_on_the_rows(grouped: Small, graph: bytes) -> None:
    raw: pa.Table = grouped.raw_test
    call = graphs_server([graph, graph], grouped.encoder, raw)(raw.num_rows + 3)
    sessions, inputs = call.args  # type: ignore[attr-defined]
    assert len(sessions) == 2
    outputs = open_graph(graph).run(None, dict(inputs))
    assert all(len(values) == raw.num_rows + 3 for values in outputs)
    assert all(np.array_equal(values[-3:], values[:3]) for values in outputs)
    call()


def test_timed_calls_take_turns() -> None:
    calls: list[str] = []
    medians = median_ms({name: lambda name=name: calls.append(name) for name in ("a", "b")}, rounds=3, warm_up=1)
    assert calls == ["a", "b"] * 4
    assert set(medians) == {"a", "b"}
    assert all(value >= 0 for value in medians.values())


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 50), (0.125, 20), (10.0, 10)])
def test_slow_calls_are_measured_in_fewer_rounds(monkeypatch: pytest.MonkeyPatch, seconds: float, rounds: int) -> None:
    now, calls = [0.0], []

    def call() -> None:
        calls.append(now[0])
        now[0] += seconds

    monkeypatch.setattr("mtl_core.timing.time.perf_counter", lambda: now[0])
    assert median_ms({"a": call}) == {"a": pytest.approx(seconds * 1e3)}
    assert len(calls) == 5 + rounds
