"""artifacts/digests.json: digests that the stages in `dvc.yaml` depend on as if they were params.

`{"code": {STAGE: digest of its code}, "labels": digest of the declared tasks without the options of their objectives}`.
The latter depends on columns of `gates.slices` too that no feature or target reads, since the encoded data keep them.
The stage `digests` runs in every `dvc repro` and writes the file, so that an edit of the code, or an upgrade of the
installed package, re-runs the stages that use it and no others.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.layout import Layout
from flows.pipeline.code import EXCLUDED, CodeTree
from flows.pipeline.graph import DIGESTS, STAGES
from mtl_core.files import write_text

MODULE_LEVEL = frozenset({"validate", "prepare"})
"""Stages that build no network, and so run none of the imports inside functions that build network parts."""


CHAMPION = "mtl_core.export.champion"
"""Code of the teacher that reads the raw rows. Where none is declared, an edit of how they are read must not train."""


def write_digests(folder: Path) -> None:
    """Write the file for the folder's `params.yaml` and the code of this interpreter; raises ProblemError."""
    from mtl_core.config.document import read_params
    from mtl_core.teacher_files import declares_champion

    params = read_params(folder)
    tasks = params.get("tasks") if isinstance(params, dict) else None
    excluded = EXCLUDED if declares_champion(params) else (*EXCLUDED, CHAMPION)
    labels = labels_digest(tasks, additional_slice_columns(params))
    document = {"code": code_digests(CodeTree.installed(excluded)), "labels": labels}
    write_text(Layout(folder).digests, json.dumps(document, indent=1) + "\n")


def code_digests(tree: CodeTree) -> dict[str, str]:
    """Stage -> digest of its code, for every stage but `digests`."""
    return {
        stage: tree.digest(f"flows.stages.{stage}", nested=stage not in MODULE_LEVEL)
        for stage in STAGES
        if stage != DIGESTS
    }


def additional_slice_columns(params: Any) -> list[Any]:
    """The columns of `gates.slices` in a document that no plain feature and no target reads; sorted, as written."""

    def section(document: Any, key: str) -> Any:
        return document.get(key) if isinstance(document, dict) else None

    slices = section(section(params, "gates"), "slices")
    columns = section(slices, "columns") if isinstance(slices, dict) else slices
    features, tasks = section(params, "features"), section(params, "tasks")
    read = {repr(section(options, "column") or name) for name, options in _items(features)}
    for _, options in _items(tasks):
        targets = section(options, "columns")
        read |= {repr(section(options, "target")), *map(repr, targets if isinstance(targets, list) else ())}
    return sorted((c for c in columns if repr(c) not in read), key=repr) if isinstance(columns, list) else []


def _items(section: Any) -> Any:
    return section.items() if isinstance(section, dict) else ()


def labels_digest(tasks: Any, slice_columns: Sequence[Any] = ()) -> str:
    """Digest of the section `tasks` of `params.yaml`, as it is written, without every kind's `objective_options`.

    It depends on the order of the tasks, not on that of their options. An invalid task is digested as it is written:
    the stages that read it refuse it.

    Args:
        slice_columns: further columns that the encoded data keep.
    """
    from mtl_core.schema import tagged
    from mtl_core.tasks import AnyTask, Task

    kinds = {kind: model for kind, model in tagged(AnyTask).items() if issubclass(model, Task)}

    def label_options(options: Any) -> Any:
        kind = options.get("kind") if isinstance(options, dict) else None
        excluded = kinds[kind].objective_options if isinstance(kind, str) and kind in kinds else ()
        return {key: value for key, value in options.items() if key not in excluded} if excluded else options

    rows = [[name, label_options(options)] for name, options in tasks.items()] if isinstance(tasks, dict) else tasks
    text = json.dumps(_sorted_keys([rows, list(slice_columns)] if slice_columns else rows), default=str)
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _sorted_keys(value: Any) -> Any:
    """Mappings in the order of their keys, which may have several types."""
    if isinstance(value, dict):
        return {repr(key): _sorted_keys(value[key]) for key in sorted(value, key=repr)}
    return [_sorted_keys(item) for item in value] if isinstance(value, list) else value
