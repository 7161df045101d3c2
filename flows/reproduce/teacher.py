"""The champion that taught a version: restored into the clone from the store, or from DVC's cache or remote."""

import shutil
from collections.abc import Iterator
from itertools import chain, combinations
from pathlib import Path

from flows.layout import Layout
from flows.pipeline.dvc_lock import LOCK, locked_stages
from flows.pipeline.graph import open_repository
from flows.pipeline.listing import folder_hash, list_files
from flows.reproduce.data import CACHE_REMOTE
from flows.reproduce.errors import NotReproducible
from mtl_core.config import load_problem
from mtl_core.errors import ToolError
from mtl_core.teacher_files import TeacherRecord, write_teacher
from serving.provenance import ModelProvenance
from serving.store import Store

TEACHER = Layout(Path()).teacher.as_posix()
MAX_WORSE = 8
"""Tasks with `when: if_worse` up to which every combination of them is tried."""


def restore_teacher(store: Store, folder: Path, provenance: ModelProvenance) -> None:
    """Write artifacts/teacher into the clone, if a champion taught the version.

    Args:
        store: the store of the version.
        folder: the problem's folder in the clone, with the files of the version and its remotes.

    Raises NotReproducible if neither the store nor DVC has files with the hash in the version's dvc.lock.
    """
    problem = load_problem(folder)
    teachers = problem.training.champion_teachers
    recorded = _recorded_hash(provenance)
    if not teachers or recorded is None:
        return
    target = Layout(folder).teacher
    tasks = [task for task, options in teachers.items() if options.when == "if_worse"]
    versions = [version for version in store.versions(problem.name) if store.damage(version) is None]
    for record in _records(versions, tasks):
        model = None if record.champion is None else store.path(record.champion)
        write_teacher(target, record, model)
        if folder_hash(list_files(target)) == recorded:
            return
    shutil.rmtree(target)
    with open_repository(folder) as repo:
        default = repo.config["core"].get("remote")
    for remote in filter(None, (CACHE_REMOTE, default)):
        if _pull(folder, target, remote) and folder_hash(list_files(target)) == recorded:
            return
    shutil.rmtree(target, ignore_errors=True)
    raise NotReproducible(
        f"champion teacher: {TEACHER} with the hash {recorded}, from which {', '.join(teachers)} learned, is neither a "
        "version of the store nor in DVC's cache or default remote; copy the store or the cache of the machine that "
        "trained it"
    )


def _recorded_hash(provenance: ModelProvenance) -> str | None:
    """DVC's hash of the teacher that the training read; None if its dvc.lock has none."""
    train = locked_stages(provenance.files.get(LOCK, "")).get("train", {})
    return next((dep.get("md5") for dep in train.get("deps", ()) if dep.get("path") == TEACHER), None)


def _records(versions: list[str], tasks: list[str]) -> Iterator[TeacherRecord]:
    """The records that the teacher may have had: a version or none, with any of the tasks as worse ones."""
    sizes = range(len(tasks) + 1) if len(tasks) <= MAX_WORSE else (0, len(tasks))
    yield TeacherRecord()
    for worse in chain.from_iterable(combinations(tasks, size) for size in sizes):
        for version in versions:
            yield TeacherRecord(champion=version, worse=worse)


def _pull(folder: Path, target: Path, remote: str) -> bool:
    """Pull the teacher from a DVC remote of the clone; False if that does not have it."""
    try:
        with open_repository(folder) as repo:
            repo.pull([str(target)], remote=remote)
    except ToolError:
        return False
    return target.exists()
