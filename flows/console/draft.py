"""Output of `mtl init`: warnings about the guesses, and the next commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flows.draft.patterns import group_lines
from mtl_core.report.wording import plural

if TYPE_CHECKING:
    from flows.draft.proposals import Draft


def next_steps(draft: Draft, folder: Path) -> str:
    """Counts, a line per warning, and the commands that follow."""
    counts = (
        plural(len(draft.features), "feature"),
        f"{plural(len(draft.left_out), 'column')} left out",
        plural(len(draft.tasks), "task"),
    )
    option = "" if folder == Path.cwd() else f" -C {folder}"
    lines = [
        "\n" + ", ".join(counts),
        *(f"  warning: {line}" for line in group_lines(draft.warnings)),
        "\nNext:",
        f"  review {folder / 'params.yaml'}",
        f"  mtl check{option}     validate it and show all defaults",
        f"  mtl profile{option}   write the expectations for the data",
        f"  mtl retrain{option}   train, check and promote a model",
        f"  mtl serve{option}     serve POST /predict",
        f"  mtl up{option}        serve it and retrain on the schedule of prefect.yaml",
    ]
    return "\n".join(lines)
