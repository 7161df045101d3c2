"""Output of `mtl init`: doubts about the guesses, and the next commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flows.console.terminal import shown

if TYPE_CHECKING:
    from flows.draft.guesses import Draft

__all__ = ["next_steps"]


def next_steps(draft: Draft, folder: Path) -> str:
    """Counts, a line per doubt, and the commands that follow."""
    lines = [f"\n{len(draft.features)} features, {len(draft.left_out)} columns left out, {len(draft.tasks)} tasks"]
    lines += [f"  doubt: {shown(name)}: {doubt}" for name, doubt in draft.doubts.items()]
    where = "" if folder == Path.cwd() else f" -C {folder}"
    lines += [
        "\nNext:",
        f"  look through {folder / 'params.yaml'}",
        f"  mtl check{where}     shows it resolved",
        f"  mtl profile{where}   writes the expectations that every part of the data must meet",
        f"  mtl retrain{where}   trains, checks and promotes a model",
        f"  mtl serve{where}     answers POST /predict",
    ]
    return "\n".join(lines)
