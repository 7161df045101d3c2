"""Differences between dvc.lock and the committed one that no edit explains."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from flows.git import git_output

LOCK = "dvc.lock"
INPUTS = ("cmd", "deps", "params")


def other_bits(folder: Path) -> tuple[str, ...]:
    """Stages that gave other outputs than in the committed dvc.lock, from the same code, params and data.

    Rounding differs between kinds of processors, so weights that are equal to the bit on one differ on another.
    """
    committed = git_output(folder, "show", f"HEAD:./{LOCK}")
    if committed is None or not (folder / LOCK).exists():
        return ()
    before, after = _stages(committed), _stages((folder / LOCK).read_text(encoding="utf-8"))
    return tuple(
        name
        for name in after
        if name in before
        and after[name].get("deps")  # what a stage without any reads is not recorded
        and all(before[name].get(key) == after[name].get(key) for key in INPUTS)
        and before[name].get("outs") != after[name].get("outs")
    )


def other_bits_words(folder: Path) -> str:
    """Sentence about `other_bits`, with what to do; "" where there are none."""
    stages = other_bits(folder)
    if not stages:
        return ""
    return (
        f"{LOCK}: {', '.join(stages)} gave other bits than the committed file records, from the same code, data and "
        f"params; processors of another kind round differently. Keep these results with `git commit {LOCK}`, or go "
        f"back to the committed ones with `git checkout {LOCK}`"
    )


def _stages(text: str) -> dict[str, Any]:
    document = YAML(typ="safe", pure=True).load(text)
    return document.get("stages", {}) if isinstance(document, dict) else {}
