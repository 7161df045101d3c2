"""The retrain flow: every stage brought up to date, then what depends on the live world.

DVC owns what has to run; this flow owns when, and what happens around it: compare with the champion, promote, record,
tell the service. It runs against the Prefect server that PREFECT_API_URL names, or with one of its own for the run.
"""

import functools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import httpx
from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.schedules import Cron
from prefect.states import Failed

from flows.code import refresh_code
from flows.compare import Comparison, compare_models, refuse_worse
from flows.environment import prepare_environment, store_home
from flows.layout import Layout
from flows.outcome import Retrained, StageRun
from flows.pipeline import bring_up_to_date, save_experiment, stage_names
from flows.progress import announce
from flows.publish import publish
from mtl_core.config import load_problem
from mtl_core.errors import ToolError, TrunklineError
from serving.errors import ServingError
from serving.store import Store

__all__ = ["retrain", "run_retrain", "serve_retrain"]

SERVICE = "TRUNKLINE_SERVICE_URL"
PROBES, PROBE_SECONDS = 20, 1.0

P = ParamSpec("P")
T = TypeVar("T")


def in_words(function: Callable[P, T]) -> Callable[P, T | State[Any]]:
    """An error of ours becomes a failed state with its message, where raising it would log a traceback."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T | State[Any]:
        try:
            return function(*args, **kwargs)
        except TrunklineError as error:
            return Failed(message=str(error), data=error)
        except ServingError as error:
            return Failed(message=str(error), data=ToolError(str(error)))

    return wrapped


@task(task_run_name="{stage}")
@in_words
def run_stage(folder: Path, stage: str) -> StageRun:
    """One stage of dvc.yaml. No retries: it is a pure function, and would fail again."""
    announce(stage)
    began = time.perf_counter()
    ran = bring_up_to_date(folder, stage)
    return StageRun(name=stage, seconds=time.perf_counter() - began, ran=ran)


@task
@in_words
def save_candidate(folder: Path) -> str:
    """Keeps the model and the verdict on exactly its bytes in the store; returns its tag."""
    layout = Layout(folder)
    return Store(store_home(folder)).save(model=layout.graph.parent, checks=layout.checks)


@task
@in_words
def compare_with_champion(folder: Path, candidate: str) -> Comparison:
    """Measures candidate and champion on the same rows; fails where a task would get worse."""
    store, problem = Store(store_home(folder)), load_problem(folder)
    champion = store.champion(problem.name)
    if champion is None:
        return Comparison(champion=None, notes=("no champion yet, so there is nothing to compare with",))
    if champion == candidate:
        return Comparison(champion=champion, notes=("the candidate is the champion already: nothing changed",))
    comparison = compare_models(folder, candidate, champion, store.path(champion))
    refuse_worse(comparison, candidate, problem.gates.worse_than_champion)
    return comparison


@task
@in_words
def promote(folder: Path, candidate: str) -> None:
    """Makes the candidate the champion, in one atomic step."""
    Store(store_home(folder)).promote(candidate)


@task
@in_words
def record(folder: Path, candidate: str) -> str:
    """The run as a DVC experiment that is named after the model's version."""
    return save_experiment(folder, candidate.replace(":", "-"))


@task(retries=PROBES, retry_delay_seconds=PROBE_SECONDS)
@in_words
def tell_service(candidate: str) -> str:
    """Sees to it that the service serves the new version. A service takes a moment for that, so this is tried again."""
    url = os.environ.get(SERVICE)
    if not url:
        return f"a service that runs on this store takes over by itself; with {SERVICE} set, the flow waits for it"
    try:
        served = httpx.get(f"{url.rstrip('/')}/model", timeout=5.0).raise_for_status().json()["model"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise ToolError(f"service {url}: must answer GET /model with its version, found {error!r}") from None
    if served != candidate:
        raise ToolError(
            f"service {url}: must serve {candidate}, which is the champion now, and still serves {served}; "
            "does it run on another store?"
        )
    return f"{url} serves {served}"


@flow(name="retrain", flow_run_name="retrain {folder.name}")
@in_words
def retrain(folder: Path) -> Retrained:
    """Brings every stage up to date, compares, promotes, records, tells."""
    prepare_environment(folder)  # a worker that runs this has not come through the command line
    refresh_code(folder)
    stages = tuple(_ask(run_stage, folder, stage) for stage in stage_names(folder))
    checks = publish(folder)
    candidate = _ask(save_candidate, folder)
    comparison = _ask(compare_with_champion, folder, candidate)
    if promoted := comparison.champion != candidate:
        _ask(promote, folder, candidate)
    recorded = _ask(record, folder, candidate)
    return Retrained(
        stages=stages,
        checks=checks,
        comparison=comparison,
        version=candidate,
        promoted=promoted,
        recorded=recorded,
        told=_ask(tell_service, candidate),
    )


def run_retrain(folder: Path) -> Retrained:
    """Runs the flow; raises the error of the task that failed."""
    outcome = _ask(retrain, folder)
    assert isinstance(outcome, Retrained)
    return outcome


def serve_retrain(folder: Path, cron: str) -> None:
    """Runs the flow on a schedule, here, until it is interrupted; one run at a time."""
    if not os.environ.get("PREFECT_API_URL"):
        raise ToolError(
            "--cron: a schedule needs a Prefect server, found no PREFECT_API_URL; run `prefect server start`, and set "
            "PREFECT_API_URL to the address that it prints"
        )
    try:
        schedule = Cron(cron)
    except ValueError as error:
        raise ToolError(f"--cron: must be five fields, as in '0 5 * * *', found {cron!r}: {error}") from None
    retrain.serve(name=folder.name, schedule=schedule, parameters={"folder": str(folder)}, limit=1)


def _ask(run: Any, *args: Any) -> Any:
    """Runs a task or flow and returns its result, or raises the error that it ended with."""
    result = run(*args, return_state=True).result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return result
