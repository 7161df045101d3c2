"""The study of relatedness: its trainings, its record, and the map of the tasks."""

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
from mtl_core.errors import TrainingError
from mtl_core.studies.progress import StudyProgress
from mtl_core.studies.relatedness.record import Relatedness
from mtl_core.studies.relatedness.study import mean_relatedness, relate, with_task_vectors
from mtl_core.studies.relatedness.task_map import classical_scaling
from mtl_core.studies.splits import Splits
from mtl_core.training import Epoch
from mtl_core.training.history import TaskRelatedness
from tests.small import Small, document, prepared, table
from tests.studies.conftest import provenance

TASKS = ("minutes", "noise", "again", "noise_again")
Array = NDArray[Any]


def declared(**trunk: Any) -> dict[str, Any]:
    """Two targets with two tasks each, so that the related tasks are known."""
    params = document(epochs=6, balancing={"method": "mean"}, stopping={"policy": "joint"})
    params["tasks"] = {
        "minutes": {"kind": "regression", "target": "minutes"},
        "noise": {"kind": "regression", "target": "noise"},
        "again": {"kind": "regression", "target": "minutes"},
        "noise_again": {"kind": "regression", "target": "noise"},
    }
    params["model"]["trunk"] |= {"widths": [32], "dropout": 0.25} | trunk
    return params


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Small:
    rows = table()
    noise = pa.array(np.sin(3 * np.nan_to_num(rows["weight"].to_numpy())) * 2)
    return prepared(tmp_path_factory.mktemp("twice"), declared(), rows.append_column("noise", noise))


@pytest.fixture(scope="module")
def splits(twice: Small) -> Splits:
    return Splits.open(twice.folder / "encoded", twice.encoder)


def run(small: Small, splits: Splits, folder: Path, problem: Problem | None = None, **options: Any) -> Relatedness:
    return relate(
        *(problem or small.problem, small.encoder, splits, folder, provenance(0)),
        **({"every": 3, "vectors": True} | options),
    )


@pytest.fixture(scope="module")
def related(twice: Small, splits: Splits, tmp_path_factory: pytest.TempPathFactory) -> Relatedness:
    return run(twice, splits, tmp_path_factory.mktemp("related"))


class Trainings(StudyProgress):
    """Names of the trainings."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def on_epoch(self, training: str, epoch: Epoch) -> None:
        self.names.add(training)


def test_tasks_of_one_target_are_grouped(related: Relatedness) -> None:
    assert related.tasks == TASKS
    assert related.groupings[1].networks == (("minutes", "again"), ("noise", "noise_again"))
    assert related.affinity["minutes"]["again"] > related.affinity["minutes"]["noise"]
    assert related.cosine["minutes"]["again"] > related.cosine["minutes"]["noise"]


def test_the_record_has_every_pair_and_a_grouping_per_number_of_networks(related: Relatedness) -> None:
    assert {a: set(targets) for a, targets in related.affinity.items()} == {task: set(TASKS) for task in TASKS}
    assert {a: list(others) for a, others in related.cosine.items()} == {
        "minutes": ["noise", "again", "noise_again"],
        "noise": ["again", "noise_again"],
        "again": ["noise_again"],
    }
    assert [len(grouping.networks) for grouping in related.groupings] == [1, 2, 3, 4]
    assert related.measurements > 0
    assert related.seconds > 0
    assert Relatedness.model_validate_json(related.model_dump_json()) == related
    assert "NaN" not in json.dumps(related.model_dump())


def test_distances_on_the_map_are_at_most_those_of_the_vectors(related: Relatedness) -> None:
    assert related.vectors is not None
    assert list(related.vectors.map) == list(TASKS)
    assert sum(map(len, related.vectors.distances.values())) == 6
    points = {task: np.array(point) for task, point in related.vectors.map.items()}
    for a, others in related.vectors.distances.items():
        for b, distance in others.items():
            assert np.linalg.norm(points[a] - points[b]) <= distance + 1e-9  # a projection


def test_a_killed_study_resumes_to_the_same_result(
    twice: Small, splits: Splits, related: Relatedness, tmp_path: Path
) -> None:
    class KilledError(Exception):
        pass

    seen: list[tuple[str, int]] = []

    class KillOnce(StudyProgress):
        def on_epoch(self, training: str, epoch: Epoch) -> None:
            if (training, epoch.number) not in seen:
                seen.append((training, epoch.number))
                raise KilledError

    for _ in range(20):
        try:
            resumed = run(twice, splits, tmp_path, progress=KillOnce())
        except KilledError:
            continue
        break
    assert {training for training, _ in seen} == {"joint", "vectors"}
    assert resumed.model_copy(update={"seconds": related.seconds}) == related


def test_without_vectors_there_is_one_training(twice: Small, splits: Splits, tmp_path: Path) -> None:
    trainings = Trainings()
    assert run(twice, splits, tmp_path, vectors=False, progress=trainings).vectors is None
    assert trainings.names == {"joint"}
    assert not (tmp_path / "vectors").exists()


def test_a_declared_trunk_of_task_vectors_is_trained_once(twice: Small, splits: Splits, tmp_path: Path) -> None:
    problem, trainings = parse_problem(declared(kind="task_vectors")), Trainings()
    assert run(twice, splits, tmp_path, problem, progress=trainings).vectors is not None
    assert trainings.names == {"joint"}


def test_the_trunk_of_task_vectors_has_the_declared_widths_and_dropout(twice: Small) -> None:
    trunk = with_task_vectors(twice.problem).model.trunk
    assert trunk.model_dump(exclude={"vector"}) == {"kind": "task_vectors", "widths": (32,), "dropout": 0.25}


def test_a_training_too_short_to_measure_is_refused(twice: Small, splits: Splits, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"--every 9999: .* found a training of \d+; measure more often"):
        run(twice, splits, tmp_path, every=9_999)


def test_the_mean_weights_epochs_by_their_probes_and_skips_missing_pairs() -> None:
    mean = mean_relatedness(
        [
            None,
            TaskRelatedness(cosines={"a": {"b": 0.5, "c": 0.25}}, affinities={}, measurements=3),
            TaskRelatedness(cosines={"a": {"b": -0.5}}, affinities={"a": {"a": 0.5}}, measurements=1),
        ]
    )
    assert mean == TaskRelatedness(cosines={"a": {"b": 0.25, "c": 0.25}}, affinities={"a": {"a": 0.5}}, measurements=4)
    assert mean_relatedness([None]) == TaskRelatedness(cosines={}, measurements=0)


def distances_of(points: Array) -> Array:
    return np.asarray(np.linalg.norm(points[:, None] - points, axis=2))


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.floats(-5, 5)] * 2), min_size=2, max_size=9))
def test_points_of_a_plane_keep_their_distances(points: list[tuple[float, float]]) -> None:
    distances = distances_of(np.array(points))
    scaled = classical_scaling(distances)
    assert scaled.shape == (len(points), 2)
    np.testing.assert_allclose(distances_of(scaled), distances, atol=1e-5)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-6)


def test_rotations_reflections_and_shifts_of_the_points_do_not_change_the_map() -> None:
    points = np.random.default_rng(0).normal(size=(6, 2)) * [3, 1]
    rotation = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    expected = classical_scaling(distances_of(points))
    for moved in (points @ rotation, points * [-1, 1], points + 7):
        np.testing.assert_allclose(classical_scaling(distances_of(moved)), expected, atol=1e-9)
    assert np.ptp(expected[:, 0]) > np.ptp(expected[:, 1])
    assert all(expected[np.abs(expected[:, axis]).argmax(), axis] > 0 for axis in (0, 1))


@pytest.mark.parametrize("count", [2, 3])
def test_equal_points_are_mapped_to_zero(count: int) -> None:
    np.testing.assert_array_equal(classical_scaling(np.zeros((count, count))), np.zeros((count, 2)))
