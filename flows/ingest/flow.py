"""The ingest flow: the settled files of an inbox are added to the data or refused, and an event says what was added.

A deployment can retrain on the event INGESTED; the event REFUSED is for notifications.
"""

import os
from dataclasses import replace
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.events import emit_event

from flows.environment import prepare_environment
from flows.ingest.inbox import SETTLE_SECONDS, clear_inbox, inbox_folder, names_of, read_inbox
from flows.ingest.ingest import ingest_files
from flows.ingest.result import IngestResult
from flows.pipeline.pin import push
from flows.retrain.artifacts.key import artifact_key
from flows.retrain.server import prefect_server
from flows.retrain.tasks import as_failed_state, result_of
from flows.running import end_with_worker, exclusive_run
from mtl_core.config.document import problem_name

INGESTED, REFUSED = "trunkline.data.ingested", "trunkline.data.refused"
"""Names of the events. Their resource is `trunkline.problem.NAME`."""
RETRIES, RETRY_SECONDS = 2, 10.0


@flow(name="ingest", flow_run_name="ingest {folder.name}")
@as_failed_state
def ingest(folder: Path, inbox: Path | None = None, settle: float = SETTLE_SECONDS) -> IngestResult:
    """Ingest the settled files of the inbox.

    Args:
        folder: the problem's folder.
        inbox: folder with part files, relative to the problem's folder; default: its `inbox/`.
        settle: seconds during which a file must not change to be taken.
    """
    folder = folder.resolve()
    prepare_environment(folder)  # a worker or a schedule runs this without the command line
    end_with_worker()
    with exclusive_run(folder, wait=True):
        result: IngestResult = result_of(take, folder, inbox_folder(folder, inbox), settle)
        publish(folder, result)
        result_of(push_data, folder)  # last: the data are complete here, whatever the remote answers
    return result


@task
@as_failed_state
def take(folder: Path, inbox: Path, settle: float) -> IngestResult:
    """Add the files of the inbox to the data, then remove them; move refused ones to its `refused/`."""
    files = read_inbox(inbox, settle)
    result = IngestResult()
    if files.versions:
        result = ingest_files(folder, files.parts, files.updates)
        clear_inbox(inbox, files, result)
    return replace(result, waiting=names_of(files.waiting))


@task(retries=RETRIES, retry_delay_seconds=RETRY_SECONDS)
@as_failed_state
def push_data(folder: Path) -> str:
    """Push the data to the default DVC remote, if there is one; retried, since networks fail."""
    return push(folder)


def publish(folder: Path, result: IngestResult) -> None:
    """Create the artifact of the current run, and emit the events."""
    rows: list[dict[str, object]] = [
        {"file": Path(part.file).name, "outcome": part.outcome, "rows": part.rows, "quarantined": part.quarantined}
        | {"labels": "", "message": part.message or "; ".join(part.reasons)}
        for part in result.parts
    ]
    for update in result.updates:
        labels = f"{update.filled} filled, {update.changed} changed, {update.unknown} keys unknown"
        row = {"file": Path(update.file).name, "outcome": update.outcome, "rows": "", "quarantined": ""}
        rows.append({**row, "labels": labels, "message": update.message})
    problem = problem_name(folder)
    if rows:
        key = artifact_key(problem, "ingest")
        create_table_artifact(key=key, table=rows, description=f"Files of the inbox of {folder.name}")
    resource = {"prefect.resource.id": f"trunkline.problem.{problem}", "trunkline.folder": str(folder)}
    if result.changed_parts:
        emit_event(event=INGESTED, resource=resource, payload={"names": list(result.changed_parts)})
    if result.refused:
        reasons = {Path(each.file).name: each.message for each in result.refused}
        emit_event(event=REFUSED, resource=resource, payload={"names": list(reasons), "reasons": reasons})


def run_ingest(folder: Path, inbox: Path | None, settle: float) -> IngestResult:
    """Run the flow; raises the error of the task that failed."""
    prepare_environment(folder)
    with prefect_server(Path(os.environ["PREFECT_HOME"])):
        result = result_of(ingest, folder, inbox, settle)
    assert isinstance(result, IngestResult)
    return result
