"""The study as a whole on the small problem: what is trained, measured, told, and refused."""

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
from mtl_core.data.encoded import EncodedSplit
from mtl_core.errors import ProblemError
from mtl_core.export.session import open_graph
from mtl_core.model import Network
from mtl_core.studies import arms, boosted, comparing
from mtl_core.studies.arms import POLICIES, SINGLE_TASK, Splits, predictions_from
from mtl_core.studies.compared_runs import arms_of, check_sharing, parts_of
from mtl_core.studies.comparing import compare_arms
from mtl_core.studies.comparison import BOOSTED, Comparison, bootstrap_sample
from mtl_core.studies.files import read_study, write_study
from mtl_core.studies.provenance import Provenance
from mtl_core.studies.serving_cost import graph_of, graphs_server
from mtl_core.timing import median_ms
from tests.small import Small, document, prepared, table

GROUP = {"group": {"kind": "clustering", "clusters": 2}}


def made(*seeds: int) -> Provenance:
    return Provenance(command="mtl compare", commit="", seeds=seeds, machine="", versions={}, declaration="")


@pytest.fixture(scope="module")
def grouped(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Two tasks of the small problem, and one that teaches itself."""
    declared = document(epochs=2, seed=5)
    declared["tasks"] = {name: declared["tasks"][name] for name in ("late", "minutes")} | GROUP
    return prepared(tmp_path_factory.mktemp("grouped"), declared, table())


@pytest.fixture(scope="module")
def splits(grouped: Small) -> Splits:
    test = EncodedSplit.open(grouped.folder / "encoded" / "test", grouped.encoder)
    return Splits(train=grouped.train, validation=grouped.validation, test=test)


@pytest.fixture(scope="module")
def graph(grouped: Small) -> bytes:
    """Graph of the shared network, untrained: to export each takes seconds."""
    network = Network.seeded(grouped.problem, grouped.encoder, 0)
    return graph_of(grouped.problem, grouped.encoder, network.state_dict())


@pytest.fixture
def quick(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Few trees, few resamples, and one graph for all networks; the numbers of weights that a graph was asked for."""
    sizes: list[int] = []

    def one(problem: Problem, encoder: Any, weights: Mapping[str, Any]) -> bytes:
        Network.build(problem, encoder).load_state_dict(weights)  # they fit
        sizes.append(sum(x.numel() for name, x in weights.items() if not name.startswith("calibration.")))
        return graph

    monkeypatch.setattr(comparing, "graph_of", one)
    monkeypatch.setattr(boosted, "OPTIONS", Boosted(trees=10))
    monkeypatch.setattr(comparing, "bootstrap_sample", partial(bootstrap_sample, resamples=20))
    return sizes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare")


def run(grouped: Small, splits: Splits, folder: Path, record: Provenance, **options: Any) -> Comparison:
    return compare_arms(
        *(grouped.problem, grouped.encoder, splits, grouped.raw_test, folder, record),
        **({"policies": False} | options),
    )


def test_the_whole_study(grouped: Small, splits: Splits, quick: list[int], folder: Path, tmp_path: Path) -> None:
    parts: list[tuple[str, int]] = []
    found = run(
        grouped, splits, folder, made(5, 6), policies=True, on_part=lambda words, number: parts.append((words, number))
    )
    # Every part is heard of once, in order.
    assert [number for _, number in parts] == list(range(parts_of(grouped.problem, True, 2)))
    assert {words for words, _ in parts[:-2]} == {
        f"{arm}, seed {seed}" for arm in (*POLICIES, SINGLE_TASK, BOOSTED) for seed in (5, 6)
    }
    # A task that has labels is compared with its own network and trees; one that teaches itself has neither.
    assert found.shared == "hold"
    for name in ("late", "minutes"):
        task = found.tasks[name]
        assert set(task.arms) == {*POLICIES, SINGLE_TASK, BOOSTED}
        assert list(task.arms)[:3] == ["hold", SINGLE_TASK, BOOSTED]
        assert task.over_single is not None
        assert task.over_boosted is not None
        assert task.verdict is not None
        assert all(len(spread.values) == 2 for spread in task.arms.values())
    group = found.tasks["group"]
    assert set(group.arms) == set(POLICIES)
    assert (group.over_single, group.over_boosted, group.verdict) == (None, None, None)
    assert found.tasks["minutes"].unit == "minutes"
    assert not found.tasks["minutes"].higher_is_better
    # The values are those of the metric on what each run predicted.
    late = next(task for task in grouped.tasks if task.name == "late")
    labels = splits.test.labels["late"]
    known = late.codec.labelled(labels).numpy()
    for arm in ("hold", SINGLE_TASK, BOOSTED):
        for place, seed in enumerate((5, 6)):
            predicted = predictions_from(folder / f"{arm}-{seed}")["late"][known]
            value = found.tasks["late"].arms[arm].values[place]
            assert value == pytest.approx(late.metric(labels.numpy()[known], predicted))
    # Costs: all networks of an arm together, of its first seed.
    assert found.cost["hold"].parameters == quick[0]
    assert found.cost[SINGLE_TASK].parameters == quick[1] + quick[2]
    assert len(quick) == 3
    assert all(cost.seconds > 0 for cost in found.cost.values())
    for arm in ("hold", SINGLE_TASK, BOOSTED):
        cost = found.cost[arm]
        assert (cost.ms_1 or 0) > 0
        assert (cost.ms_1000 or 0) > 0
        assert (cost.bytes or 0) > 0
    assert found.cost["joint"].ms_1 is None
    assert (found.cost[SINGLE_TASK].bytes or 0) == 2 * (found.cost["hold"].bytes or 0)
    # Courses of the shared network alone, with the first seed.
    assert set(found.courses) == set(POLICIES)
    assert all(len(course.validation) == 2 for of_policy in found.courses.values() for course in of_policy.values())
    assert set(found.notes) == {
        "group: not compared, since a task that teaches itself has no network of its own",
        "group: no trees: trees cannot learn a task of the kind clustering",
    }
    assert found.headline.startswith("Sharing ")
    write_study(tmp_path / "comparison.json", found)
    assert read_study(tmp_path / "comparison.json", Comparison) == found


def test_a_study_goes_on_from_what_is_there(
    grouped: Small, splits: Splits, quick: list[int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(*_: Any, **__: Any) -> None:
        raise AssertionError("it trains")

    run(grouped, splits, folder, made(5, 6))
    monkeypatch.setattr(arms, "train", forbid)
    monkeypatch.setattr(boosted.Trees, "grow", forbid)
    first, again = run(grouped, splits, folder, made(5, 6)), run(grouped, splits, folder, made(5, 6))
    assert first.tasks == again.tasks
    with pytest.raises(AssertionError, match="it trains"):
        run(grouped, splits, folder, made(5, 7))


def test_one_seed_and_no_lightgbm_are_said(
    grouped: Small, splits: Splits, quick: list[int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    assert parts_of(grouped.problem, False, 1) == 4
    found = run(grouped, splits, folder, made(5))
    assert any(note.startswith("no trees: LightGBM cannot be used here (") for note in found.notes)
    assert any(note.startswith("one seed: ") for note in found.notes)
    assert BOOSTED not in found.cost
    assert set(found.tasks["late"].arms) == {"hold", SINGLE_TASK}
    assert found.tasks["late"].over_boosted is None
    assert found.tasks["late"].arms["hold"].std is None
    assert set(found.courses) == {"hold"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tasks": {"late": document()["tasks"]["late"]}}, r"^tasks: .*two tasks or more .*found 1; declare another"),
        (
            {"model": {"trunk": {"kind": "single_task", "widths": [4]}}},
            r"^model\.trunk\.kind: must be one that shares something, found single_task, .*declare the trunk",
        ),
    ],
)
def test_what_shares_nothing_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ProblemError, match=words):
        check_sharing(parse_problem(document() | changes))
    check_sharing(parse_problem(document()))
    check_sharing(parse_problem(document() | {"tasks": GROUP | {"late": document()["tasks"]["late"]}}))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_declared_policy_comes_first(policy: str) -> None:
    problem = parse_problem(document(stopping={"policy": policy}))
    assert arms_of(problem, policies=False) == (policy, SINGLE_TASK)
    assert arms_of(problem, policies=True)[:2] == (policy, SINGLE_TASK)
    assert set(arms_of(problem, policies=True)) == {*POLICIES, SINGLE_TASK}


def test_a_server_asks_every_graph_for_the_rows(grouped: Small, graph: bytes) -> None:
    raw: pa.Table = grouped.raw_test
    call = graphs_server([graph, graph], grouped.encoder, raw)(raw.num_rows + 3)
    sessions, inputs = call.args  # type: ignore[attr-defined]
    assert len(sessions) == 2
    outputs = open_graph(graph).run(None, dict(inputs))
    assert all(len(values) == raw.num_rows + 3 for values in outputs)
    assert all(np.array_equal(values[-3:], values[:3]) for values in outputs)
    call()


def test_the_arms_take_turns() -> None:
    calls: list[str] = []
    found = median_ms({name: lambda name=name: calls.append(name) for name in ("a", "b")}, rounds=3, warm_up=1)
    assert calls == ["a", "b"] * 4
    assert set(found) == {"a", "b"}
    assert all(value >= 0 for value in found.values())


@pytest.mark.parametrize(("seconds", "rounds"), [(0.0, 50), (0.125, 20), (10.0, 10)])
def test_slow_calls_are_measured_in_fewer_rounds(monkeypatch: pytest.MonkeyPatch, seconds: float, rounds: int) -> None:
    now, calls = [0.0], []

    def call() -> None:
        calls.append(now[0])
        now[0] += seconds

    monkeypatch.setattr("mtl_core.timing.time.perf_counter", lambda: now[0])
    assert median_ms({"a": call}) == {"a": pytest.approx(seconds * 1e3)}
    assert len(calls) == 5 + rounds
