"""The worker of `mtl up`, `python -m flows.deployments.worker FOLDER`: deploys prefect.yaml, then runs its flows.

Flow runs end with the worker, and the worker with `mtl up`, also after `kill -9`.
"""

import io
import os
import sys
import time
from contextlib import chdir, redirect_stdout, suppress
from pathlib import Path
from urllib.parse import urlsplit

from flows.deployments.prefect_cli import run_prefect
from flows.deployments.prefect_yaml import DEPLOYMENTS, WORK_POOL
from flows.layout import Layout
from mtl_core.config.document import problem_name
from serving.lifeline import end_with_parent, start_lifeline

OWN_SERVER = "TRUNKLINE_OWN_SERVER"
"""Set by `mtl up` where no other worker can run this problem's flows: the server is its own."""
POLL_SECONDS = 0.2


def run_worker(folder: Path) -> int:
    """Deploy the folder's prefect.yaml and run its flows until stopped; returns Prefect's exit code."""
    name = problem_name(folder)
    _wait_for_server()
    _create_work_pool()
    if code := _deploy(folder):
        return code
    if OWN_SERVER in os.environ:
        end_lost_runs(name)  # after the deployment: a server that has just started misses events for its automations
    print(f"deployed prefect.yaml; to start a run now: `prefect deployment run retrain/{name}`", flush=True)
    return run_prefect("worker", "start", "--pool", WORK_POOL, "--type", "process", "--work-queue", name)


def _deploy(folder: Path) -> int:
    """Deploy prefect.yaml; returns Prefect's exit code, after its output if that is not 0."""
    with chdir(folder), redirect_stdout(io.StringIO()) as output:
        code = run_prefect("deploy", "--all")
    if code:
        print(f"{folder / DEPLOYMENTS}: Prefect could not deploy it:\n{output.getvalue()}", flush=True)
    return code


def _wait_for_server() -> None:
    import httpx
    from prefect.settings import PREFECT_API_URL

    url = f"{PREFECT_API_URL.value()}/health"
    proxies = urlsplit(url).hostname not in {"127.0.0.1", "localhost"}
    while True:
        with suppress(httpx.HTTPError):
            if httpx.get(url, timeout=5.0, trust_env=proxies).is_success:
                return
        time.sleep(POLL_SECONDS)


def _create_work_pool() -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    with get_client(sync_client=True) as client, suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="process", base_job_template=template))


def end_lost_runs(queue: str) -> int:
    """Set the queue's flow runs whose processes were killed to Crashed; returns how many there were.

    Otherwise they count as running for ever, and hold the concurrency slot of their deployment for five minutes. No
    worker of the queue may be running.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas import filters
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    types = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING, StateType.PAUSED]
    state = filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=types))
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=filters.FlowRunFilter(state=state),
            work_pool_filter=filters.WorkPoolFilter(name=filters.WorkPoolFilterName(any_=[WORK_POOL])),
            work_queue_filter=filters.WorkQueueFilter(name=filters.WorkQueueFilterName(any_=[queue])),
        )
        lost = [run for run in runs if run.state_name != "Suspended"]  # its process has ended by itself
        for run in lost:
            client.set_flow_run_state(run.id, Crashed(message="The worker was stopped or killed."), force=True)
    return len(lost)


if __name__ == "__main__":
    end_with_parent()
    problem = Path(sys.argv[1])
    start_lifeline(Layout(problem).lifelines)
    sys.exit(run_worker(problem))
