"""Stage `digests`: digests of the stages' code and of the declared labels, which the other stages depend on."""

from pathlib import Path

from flows.pipeline.digests import write_digests


def run(folder: Path) -> None:
    """Write artifacts/digests.json."""
    write_digests(folder)
