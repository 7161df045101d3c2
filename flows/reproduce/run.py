"""`mtl reproduce`: train a version again in a clone of the repository, and compare."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from flows.console.retrain import print_stage
from flows.layout import Layout
from flows.pipeline.dvc_lock import LOCK, locked_stages
from flows.pipeline.failure import StageFailed
from flows.pipeline.graph import DIGESTS, bring_up_to_date, stage_names
from flows.provenance import package_versions, processor
from flows.reproduce.clone import clone, code_of, configure_dvc, find_revision, forget_remotes, write_files
from flows.reproduce.data import CACHE_REMOTE, restore_data
from flows.reproduce.errors import NotReproducible, missing
from flows.reproduce.result import Reproduction, environment_differences, first_difference, metric_differences
from flows.reproduce.teacher import restore_teacher
from mtl_core.errors import CheckFailed
from serving.lifeline import start_lifeline
from serving.provenance import CodeRevision, ModelProvenance, PinnedData
from serving.refused import CHECKS_FILE
from serving.store import Store
from serving.version_files import sha256

LAST = "export"
"""The last stage to run where the bytes are the same."""


@dataclass(frozen=True, kw_only=True)
class Restored:
    """A clone with the code, params and data of a version: its root, and the problem's folder in it."""

    root: Path
    folder: Path


def reproduce(source: Path, store: Store, tag: str, into: Path, tolerance: float) -> Reproduction:
    """Train a version again and compare it with the stored one.

    Args:
        source: the user's folder of the problem, in a clone of its repository; it is not changed.
        into: a folder that does not exist yet, for another clone.
        tolerance: relative difference of a metric that is accepted where the machine or the packages differ.

    Raises NotReproducible with everything that is missing, StageFailed, ToolError, StoreError.
    """
    store.check_files(tag)
    provenance = store.provenance(tag)
    if provenance is None:
        raise NotReproducible(f"{tag}: must have a provenance, as `mtl retrain` records it, found none")
    start_lifeline(Layout(source).lifelines)
    restored = _restore(source, store, tag, provenance, into)
    layout, version = Layout(restored.folder), store.path(tag)
    with code_of(restored.root):
        for stage in _stages_up_to_export(restored.folder):
            _run(restored.folder, stage)
        identical = sha256(layout.graph) == sha256(version / layout.graph.name)
        reproduced = {} if identical else _check(restored.folder)
    environment = environment_differences(provenance.packages, package_versions(), (provenance.processor, processor()))
    lock = (restored.folder / LOCK).read_text(encoding="utf-8")
    return Reproduction(
        version=tag,
        folder=str(restored.folder),
        identical=identical,
        environment=environment,
        first_difference="" if identical else first_difference(provenance.files.get(LOCK, ""), lock),
        tolerance=tolerance,
        metrics=() if identical else metric_differences(_read_json(version / CHECKS_FILE), reproduced),
    )


def _restore(source: Path, store: Store, tag: str, provenance: ModelProvenance, into: Path) -> Restored:
    """Clone, write the stored files, bring the data; raises NotReproducible with everything that is missing."""
    code, data = provenance.code, provenance.data
    lines = [] if code else ["git commit: the version was trained outside of a git repository"]
    lines += [] if data else ["data: the run did not record their hash"]
    if code is None or data is None:
        raise missing(tag, lines)
    try:
        revision, lost = find_revision(source, code, frozenset(provenance.files))
    except NotReproducible as error:
        raise missing(tag, [str(error)]) from None
    clone(source, revision, into)
    restored = Restored(root=into, folder=into / code.folder)
    write_files(restored.folder, provenance)
    configure_dvc(source, restored.folder, CACHE_REMOTE)
    lines += _missing_inputs(source, store, restored.folder, data, provenance)
    with code_of(restored.root):
        bring_up_to_date(restored.folder, DIGESTS)
    if stages := _stages_with_other_code(restored.folder, provenance):
        lines.append(_missing_code(stages, lost, code, provenance))
    if lines:
        raise missing(tag, lines)
    return restored


def _missing_inputs(
    source: Path, store: Store, folder: Path, data: PinnedData, provenance: ModelProvenance
) -> list[str]:
    """Bring the data and the champion that taught into the clone; a line per one that nothing has."""
    restorers = (partial(restore_data, source, folder, data), partial(restore_teacher, store, folder, provenance))
    lines = []
    try:
        for restore in restorers:
            try:
                restore()
            except NotReproducible as error:
                lines.append(str(error))
    finally:
        forget_remotes(folder)
    return lines


def _stages_with_other_code(folder: Path, provenance: ModelProvenance) -> tuple[str, ...]:
    """Stages whose code has another digest than in the version's dvc.lock."""
    digests = _read_json(Layout(folder).digests)["code"]
    key = Layout(folder).digests.relative_to(folder).as_posix()
    stages = locked_stages(provenance.files.get(LOCK, ""))
    recorded: dict[str, Any] = {}
    for stage in stages.values():
        recorded |= stage.get("params", {}).get(key, {})
    return tuple(stage for stage, digest in digests.items() if recorded.get(f"code.{stage}", digest) != digest)


def _missing_code(
    stages: tuple[str, ...], lost: tuple[str, ...], code: CodeRevision, provenance: ModelProvenance
) -> str:
    message = f"code of the stages {', '.join(stages)}: found another than at the training"
    if lost:
        experiment = code.experiment
        fix = f"`dvc exp pull REMOTE {experiment.name}` fetches them" if experiment else "no experiment recorded them"
        return f"{message}; uncommitted changes of {', '.join(lost)} are not in this clone: {fix}"
    version = provenance.packages.get("trunkline", "unknown")
    return f"{message}; install the Trunkline that trained it, version {version}"


def _stages_up_to_export(folder: Path) -> tuple[str, ...]:
    """The stages to run; `digests` has run already."""
    names = stage_names(folder)
    return tuple(name for name in names[: names.index(LAST) + 1] if name != DIGESTS)


def _run(folder: Path, stage: str) -> None:
    print_stage(stage)
    bring_up_to_date(folder, stage, anew=True)


def _check(folder: Path) -> Mapping[str, Any]:
    """Measure the second training; its checks may fail, as the version's may have."""
    try:
        _run(folder, "check")
    except StageFailed as failure:
        if failure.exit_code != CheckFailed.exit_code:
            raise
    checks: Mapping[str, Any] = _read_json(Layout(folder).checks)
    return checks


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
