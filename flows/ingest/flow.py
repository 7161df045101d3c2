"""Stand-in for the ingest flow of another branch, with its signature. Replaced at the merge."""

from pathlib import Path

from prefect import flow


@flow(name="ingest")
def ingest(folder: Path, inbox: Path | None = None) -> None:
    """Stand-in: add nothing."""
