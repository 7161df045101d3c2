"""Outputs that differ from the committed dvc.lock although no input does."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from flows.git import git_output

LOCK = "dvc.lock"
INPUTS = ("cmd", "deps", "params")


def stages_with_other_outputs(folder: Path) -> tuple[str, ...]:
    """Stages whose outputs differ from those in the committed dvc.lock, for the same code, params and data.

    Rounding differs between kinds of processors, so weights that are bit-identical on one differ on another.
    """
    committed = git_output(folder, "show", f"HEAD:./{LOCK}")
    if committed is None or not (folder / LOCK).exists():
        return ()
    before, after = locked_stages(committed), locked_stages((folder / LOCK).read_text(encoding="utf-8"))
    return tuple(
        name
        for name in after
        if name in before
        and after[name].get("deps")  # the inputs of a stage without any are not recorded
        and all(before[name].get(key) == after[name].get(key) for key in INPUTS)
        and before[name].get("outs") != after[name].get("outs")
    )


def other_outputs_note(folder: Path) -> str:
    """Sentence about `stages_with_other_outputs`, with the fix; "" if there are none."""
    stages = stages_with_other_outputs(folder)
    if not stages:
        return ""
    return (
        f"{LOCK}: the outputs of {', '.join(stages)} differ from those in the committed file, for the same code, data "
        f"and params; rounding differs between kinds of processors. Keep the new outputs with `git commit {LOCK}`, or "
        f"restore the committed ones with `git checkout {LOCK}`"
    )


def data_hash(folder: Path) -> str:
    """DVC's hash of `data/` in the last run, by dvc.lock; "" if no stage has read it."""
    if not (folder / LOCK).exists():
        return ""
    stages = locked_stages((folder / LOCK).read_text(encoding="utf-8")).values()
    hashes = (dep.get("md5", "") for stage in stages for dep in stage.get("deps", ()) if dep.get("path") == "data")
    return next(hashes, "")


def locked_stages(text: str) -> dict[str, Any]:
    """Stage -> its entry in the text of a dvc.lock."""
    document = YAML(typ="safe", pure=True).load(text)
    return document.get("stages", {}) if isinstance(document, dict) else {}
