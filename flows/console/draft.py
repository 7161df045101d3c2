"""Output of `mtl init`: doubts about the guesses, and the next commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flows.console.terminal import shown
from flows.draft.patterns import MIN_COLUMNS, alike

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from flows.draft.guesses import Draft


def next_steps(draft: Draft, folder: Path) -> str:
    """Counts, a line per doubt, and the commands that follow."""
    counts = ((draft.features, "feature{s}"), (draft.left_out, "column{s} left out"), (draft.tasks, "task{s}"))
    lines = ["\n" + ", ".join(f"{len(found)} {words.format(s='s' * (len(found) != 1))}" for found, words in counts)]
    lines += [f"  doubt: {line}" for line in _doubts(draft.doubts)]
    where = "" if folder == Path.cwd() else f" -C {folder}"
    lines += [
        "\nNext:",
        f"  review {folder / 'params.yaml'}",
        f"  mtl check{where}     validate it and show all defaults",
        f"  mtl profile{where}   write the expectations for the data",
        f"  mtl retrain{where}   train, check and promote a model",
        f"  mtl serve{where}     serve POST /predict",
    ]
    return "\n".join(lines)


def _doubts(doubts: Mapping[str, str]) -> Iterator[str]:
    """A line per doubt; a single one for many doubts that differ in numbers alone."""
    groups: dict[str, list[str]] = {}
    for name, doubt in doubts.items():
        groups.setdefault(alike(doubt), []).append(name)
    for names in groups.values():
        shown_names = names[:1] if len(names) >= MIN_COLUMNS else names
        for name in shown_names:
            more = f" and {len(names) - 1:,} more" if len(shown_names) < len(names) else ""
            yield f"{shown(name)}{more}: {doubts[name]}"
