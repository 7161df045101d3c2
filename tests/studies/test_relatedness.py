"""The study of relatedness: what it trains, what it takes from that, and the map of the tasks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.config import Problem, parse_problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.errors import ProblemError, TrainingError
from mtl_core.studies import relatedness
from mtl_core.studies.arms import Splits
from mtl_core.studies.provenance import Provenance, config_digest
from mtl_core.studies.relatedness import Relatedness, check_relatable, mean_relations, relate, scaled
from mtl_core.training import Epoch
from mtl_core.training.history import Relations
from tests.small import Small, document, prepared, table

TASKS = ("minutes", "noise", "again", "noise_again")
Array = NDArray[Any]


def declared(**model: Any) -> dict[str, Any]:
    """Two targets, each twice: what belongs together is known."""
    whole = document(epochs=6, balancing={"method": "mean"}, stopping={"policy": "joint"})
    whole["tasks"] = {
        "minutes": {"kind": "regression", "target": "minutes"},
        "noise": {"kind": "regression", "target": "noise"},
        "again": {"kind": "regression", "target": "minutes"},
        "noise_again": {"kind": "regression", "target": "noise"},
    }
    whole["model"]["trunk"] |= {"widths": [32], "dropout": 0.25} | model
    return whole


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Small:
    rows = table()
    noise = pa.array(np.sin(3 * np.nan_to_num(rows["weight"].to_numpy())) * 2)
    return prepared(tmp_path_factory.mktemp("twice"), declared(), rows.append_column("noise", noise))


@pytest.fixture(scope="module")
def splits(twice: Small) -> Splits:
    test = EncodedSplit.open(twice.folder / "encoded" / "test", twice.encoder)
    return Splits(train=twice.train, validation=twice.validation, test=test)


def made(problem: Problem) -> Provenance:
    return Provenance(command="", commit="", seeds=(0,), machine="", versions={}, declaration=config_digest(problem))


def study(small: Small, splits: Splits, folder: Path, problem: Problem | None = None, **options: Any) -> Relatedness:
    whole = problem or small.problem
    return relate(whole, small.encoder, splits, folder, made(whole), **({"every": 3, "vectors": True} | options))


@pytest.fixture(scope="module")
def found(twice: Small, splits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Relatedness:
    return study(twice, splits, tmp_path_factory.mktemp("found"))


def test_tasks_of_one_target_are_told_from_the_others(found: Relatedness) -> None:
    assert found.tasks == TASKS
    assert found.groupings[1].networks == (("minutes", "again"), ("noise", "noise_again"))
    assert found.affinity["minutes"]["again"] > found.affinity["minutes"]["noise"]
    assert found.cosine["minutes"]["again"] > found.cosine["minutes"]["noise"]


def test_it_holds_every_pair_and_a_grouping_for_every_number_of_networks(found: Relatedness) -> None:
    assert {a: set(targets) for a, targets in found.affinity.items()} == {task: set(TASKS) for task in TASKS}
    assert {a: list(others) for a, others in found.cosine.items()} == {
        "minutes": ["noise", "again", "noise_again"],
        "noise": ["again", "noise_again"],
        "again": ["noise_again"],
    }
    assert [len(grouping.networks) for grouping in found.groupings] == [1, 2, 3, 4]
    assert all(grouping.exact for grouping in found.groupings)
    assert found.probes > 0
    assert found.seconds > 0


def test_the_vectors_lie_as_far_apart_as_they_say(found: Relatedness) -> None:
    assert found.vectors is not None
    assert list(found.vectors.map) == list(TASKS)
    assert sum(map(len, found.vectors.distances.values())) == 6
    places = {task: np.array(place) for task, place in found.vectors.map.items()}
    for a, others in found.vectors.distances.items():
        for b, distance in others.items():
            assert np.linalg.norm(places[a] - places[b]) <= distance + 1e-9  # a projection


def test_a_study_that_was_killed_tells_the_same(
    twice: Small, splits: Splits, found: Relatedness, tmp_path: Path
) -> None:
    class KilledError(Exception):
        pass

    seen: list[tuple[str, int]] = []

    def once(training: str, epoch: Epoch) -> None:
        if (training, epoch.number) not in seen:
            seen.append((training, epoch.number))
            raise KilledError

    for _ in range(20):
        try:
            again = study(twice, splits, tmp_path, on_epoch=once)
        except KilledError:
            continue
        break
    assert {training for training, _ in seen} == {"joint", "vectors"}
    assert again.model_copy(update={"seconds": 0.0}) == found.model_copy(update={"seconds": 0.0})


def test_the_file_reads_as_it_was_written(found: Relatedness) -> None:
    assert Relatedness.model_validate_json(found.model_dump_json()) == found
    assert "NaN" not in json.dumps(found.model_dump())


def test_without_vectors_nothing_is_trained_twice(twice: Small, splits: Splits, tmp_path: Path) -> None:
    trainings: list[str] = []
    found = study(twice, splits, tmp_path, vectors=False, on_epoch=lambda training, epoch: trainings.append(training))
    assert found.vectors is None
    assert set(trainings) == {"joint"}
    assert not (tmp_path / "vectors").exists()


def test_a_declared_trunk_of_task_vectors_is_trained_once(twice: Small, splits: Splits, tmp_path: Path) -> None:
    problem = parse_problem(declared(kind="task_vectors"))
    trainings: list[str] = []
    found = study(twice, splits, tmp_path, problem, on_epoch=lambda training, epoch: trainings.append(training))
    assert found.vectors is not None
    assert set(trainings) == {"joint"}


def test_the_trunk_of_task_vectors_has_the_declared_widths_and_dropout(twice: Small) -> None:
    trunk = relatedness.with_task_vectors(twice.problem).model.trunk
    assert trunk.model_dump(exclude={"vector"}) == {"kind": "task_vectors", "widths": (32,), "dropout": 0.25}


def test_a_training_too_short_to_look_at_is_refused(twice: Small, splits: Splits, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"--every 9999: .* found a training of \d+; look more often"):
        study(twice, splits, tmp_path, every=9_999)


def test_what_cannot_be_related_is_refused(twice: Small, splits: Splits, tmp_path: Path) -> None:
    alone = document()
    alone["tasks"] = {"late": alone["tasks"]["late"]}
    with pytest.raises(ProblemError, match="tasks: relating needs two at least, found late alone"):
        check_relatable(parse_problem(alone))
    with pytest.raises(ProblemError, match=r"model\.trunk\.kind: relating needs a trunk that shares .* single_task"):
        study(twice, splits, tmp_path, parse_problem(declared(kind="single_task")))


def test_the_mean_counts_every_epoch_by_its_probes_and_leaves_out_what_is_not_there() -> None:
    found = mean_relations(
        [
            None,
            Relations(cosines={"a": {"b": 0.5, "c": 0.25}}, affinities={}, probes=3),
            Relations(cosines={"a": {"b": -0.5}}, affinities={"a": {"a": 0.5}}, probes=1),
        ]
    )
    assert found == Relations(cosines={"a": {"b": 0.25, "c": 0.25}}, affinities={"a": {"a": 0.5}}, probes=4)
    assert mean_relations([None]) == Relations(cosines={}, probes=0)


def distances_of(points: Array) -> Array:
    return np.asarray(np.linalg.norm(points[:, None] - points, axis=2))


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(-5, 5)] * 2), min_size=2, max_size=9), st.floats(0, 6.3))
def test_points_of_a_plane_keep_their_distances(points: list[tuple[float, float]], angle: float) -> None:
    distances = distances_of(np.array(points))
    found = scaled(distances)
    assert found.shape == (len(points), 2)
    np.testing.assert_allclose(distances_of(found), distances, atol=1e-5)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)


def test_neither_rotation_nor_reflection_of_the_points_changes_the_map() -> None:
    points = np.random.default_rng(0).normal(size=(6, 2)) * [3, 1]
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    first = scaled(distances_of(points))
    for same in (points @ turn, points * [-1, 1], points + 7):
        np.testing.assert_allclose(scaled(distances_of(same)), first, atol=1e-9)
    assert np.ptp(first[:, 0]) > np.ptp(first[:, 1])
    assert all(first[np.abs(first[:, axis]).argmax(), axis] > 0 for axis in (0, 1))


@pytest.mark.parametrize("count", [2, 3])
def test_tasks_in_one_place_have_a_map_too(count: int) -> None:
    np.testing.assert_array_equal(scaled(np.zeros((count, count))), np.zeros((count, 2)))
