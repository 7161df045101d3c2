"""Prefect tasks of the retrain flow, which fail with the error's message instead of a traceback."""

import functools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import httpx
from prefect import task
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.console.retrain import print_stage
from flows.environment import store_home
from flows.layout import Layout
from flows.pipeline.experiments import save_experiment
from flows.pipeline.graph import DIGESTS, bring_up_to_date
from flows.remote import push_champion
from flows.retrain.compare import ChampionComparison, compare_models, difference_message, refusal, worse_tasks
from flows.retrain.result import StageRun
from mtl_core.config import load_problem
from mtl_core.errors import PromotionRefused, ToolError, TrunklineError
from mtl_core.files import os_errors_with_path
from serving.errors import ServingError
from serving.redaction import redact
from serving.store import Store

SERVICE = "TRUNKLINE_SERVICE_URL"
RETRIES, RETRY_SECONDS = 20, 1.0

P = ParamSpec("P")
T = TypeVar("T")


def as_failed_state(function: Callable[P, T]) -> Callable[P, T | State[Any]]:
    """Return errors of Trunkline as failed states with their message; raised, they would log a traceback."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T | State[Any]:
        try:
            return function(*args, **kwargs)
        except TrunklineError as error:
            return Failed(message=redact(str(error)), data=error)
        except ServingError as error:
            return Failed(message=redact(str(error)), data=ToolError(str(error)))

    return wrapped


def result_of(function: Any, *args: Any) -> Any:
    """Run a task or flow; its result, or its error, raised."""
    result = function(*args, return_state=True).result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return result


@task(task_run_name="{stage}")
@as_failed_state
def run_stage(folder: Path, stage: str) -> StageRun:
    """Bring a stage of dvc.yaml up to date. No retries: a stage is a pure function, and would fail again."""
    if stage != DIGESTS:
        print_stage(stage)
    start, processor_start = time.perf_counter(), _processor_seconds()
    ran = bring_up_to_date(folder, stage)
    return StageRun(
        name=stage,
        seconds=time.perf_counter() - start,
        processor_seconds=_processor_seconds() - processor_start,
        ran=ran,
    )


def _processor_seconds() -> float:
    """User and system time of this process, and of its children that have ended."""
    return sum(os.times()[:4])


@task
@as_failed_state
def save_candidate(folder: Path) -> str:
    """Save the model and the checks of exactly its bytes in the store; returns its tag."""
    layout, home = Layout(folder), store_home(folder)
    with os_errors_with_path(home):
        return Store(home).save(model=layout.graph.parent, checks=layout.checks)


@task
@as_failed_state
def compare_with_champion(folder: Path, candidate: str) -> ChampionComparison:
    """Evaluate candidate and champion on the same rows; fails where a task would get worse."""
    store, problem = Store(store_home(folder)), load_problem(folder)
    champion, tolerance = store.champion(problem.name), problem.gates.worse_than_champion
    if champion is None:
        return ChampionComparison(champion=None, notes=("no champion yet; nothing to compare with",))
    if champion == candidate:
        return ChampionComparison(champion=champion, notes=("the candidate is already the champion; nothing changed",))
    if (damage := store.damage(champion)) is not None:
        raise PromotionRefused(
            f"champion {champion}: must have intact files to be compared, found {damage}. Restore them, or promote "
            f"{candidate} without a comparison: `mtl promote {candidate}`"
        )
    comparison = compare_models(folder, candidate, champion, store.path(champion))
    if tolerance is not None and (worse := worse_tasks(comparison, tolerance)):
        reasons = tuple(map(difference_message, worse))
        store.refuse(candidate, champion, reasons)
        raise PromotionRefused(refusal(comparison, candidate, tolerance, reasons))
    return comparison


@task
@as_failed_state
def promote(folder: Path, candidate: str) -> None:
    """Make the candidate the champion, atomically. An earlier refusal of it is void."""
    store = Store(store_home(folder))
    store.accept(candidate)
    store.promote(candidate)


@task
@as_failed_state
def record(folder: Path, candidate: str) -> str:
    """Record the run as a DVC experiment named after the model's version."""
    return save_experiment(folder, candidate.replace(":", "-"))


@task
@as_failed_state
def push(folder: Path) -> str:
    """Upload the champion to the remote store, also one that an earlier run could not upload."""
    return push_champion(folder)


@task(retries=RETRIES, retry_delay_seconds=RETRY_SECONDS)
@as_failed_state
def wait_for_service(candidate: str) -> str:
    """Wait until the service serves the new version; retried, since a service takes a moment to switch."""
    url = os.environ.get(SERVICE)
    if not url:
        return f"services on this store switch to it by themselves; set {SERVICE} to wait for one"
    try:
        served = httpx.get(f"{url.rstrip('/')}/model", timeout=5.0).raise_for_status().json()["model"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise ToolError(redact(f"service {url}: must answer GET /model with its version, found {error!r}")) from None
    if served != candidate:
        raise ToolError(
            f"service {redact(url)}: must serve the new champion {candidate}, found {served}; check that it uses the "
            "same store or pulls from the remote one"
        )
    return f"{redact(url)} serves {served}"
