"""The retrain flow on a schedule of a Prefect server."""

import hashlib
import os
from pathlib import Path

from prefect.schedules import Cron

from flows.layout import Layout
from flows.retrain.flow import retrain
from mtl_core.errors import ToolError
from serving.lifeline import start_lifeline


def serve_retrain(folder: Path, cron: str) -> None:
    """Run the flow on a schedule, in this process, until it is stopped; one run at a time.

    The schedule stays active on the server when the process ends, so that a restarted container continues.
    """
    if not os.environ.get("PREFECT_API_URL"):
        raise ToolError(
            "--cron: a schedule needs a Prefect server, found no PREFECT_API_URL; run `prefect server start` and set "
            "PREFECT_API_URL to the address that it prints"
        )
    try:
        schedule = Cron(cron)
    except ValueError as error:
        raise ToolError(f"--cron: must be five fields, as in '0 5 * * *', found {cron!r}: {error}") from None
    start_lifeline(Layout(folder).lifelines)  # a scheduled run is a child process
    retrain.serve(
        name=deployment_name(folder),
        description=f"`mtl retrain --cron` in {folder.resolve()}",
        schedule=schedule,
        parameters={"folder": str(folder.resolve())},
        limit=1,
        pause_on_shutdown=False,
    )


def deployment_name(folder: Path) -> str:
    """Name of the deployment of a problem's folder, with a digest of its path, since folder names repeat."""
    path = folder.resolve()
    # Prefect forbids / and % in names.
    return f"{path.name.replace('%', '_')}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}"
