"""The retrain flow: every stage brought up to date, then the side effects.

DVC owns what has to run; this flow owns when, and the side effects: compare with the champion, promote, record, wait
for the service. It runs against the Prefect server that PREFECT_API_URL names, or with one of its own for the run.
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
from prefect.states import Failed

from flows.console.retrain import print_stage
from flows.environment import prepare_environment, store_home
from flows.layout import Layout
from flows.pipeline.experiments import save_experiment
from flows.pipeline.failure import StageFailed
from flows.pipeline.graph import DIGESTS, bring_up_to_date, stage_names
from flows.pipeline.lock import other_bits_words
from flows.retrain.compare import ChampionComparison, compare_models, difference_words, refuse_worse, worse_tasks
from flows.retrain.publish import publish
from flows.retrain.result import RetrainResult, StageRun
from flows.retrain.server import prefect_server
from flows.running import check_start, exclusive_run
from mtl_core.config import load_problem
from mtl_core.errors import CheckFailed, PromotionRefused, ToolError, TrunklineError
from mtl_core.files import naming
from serving.errors import ServingError
from serving.lifeline import end_with_parent
from serving.store import Store

SERVICE = "TRUNKLINE_SERVICE_URL"
PROBES, PROBE_SECONDS = 20, 1.0

P = ParamSpec("P")
T = TypeVar("T")


def as_failed_state(function: Callable[P, T]) -> Callable[P, T | State[Any]]:
    """Return our own errors as failed states with their message; raised, they would log a traceback."""

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
@as_failed_state
def run_stage(folder: Path, stage: str) -> StageRun:
    """Bring a stage of dvc.yaml up to date. No retries: it is a pure function, and would fail again."""
    if stage != DIGESTS:
        print_stage(stage)
    began, used = time.perf_counter(), _processor_seconds()
    ran = bring_up_to_date(folder, stage)
    seconds, used = time.perf_counter() - began, _processor_seconds() - used
    return StageRun(name=stage, seconds=seconds, processor_seconds=used, ran=ran)


def _processor_seconds() -> float:
    """User and system time of this process, and of its children that have ended."""
    return sum(os.times()[:4])


@task
@as_failed_state
def save_candidate(folder: Path) -> str:
    """Save the model and the checks of exactly its bytes in the store; returns its tag."""
    layout, home = Layout(folder), store_home(folder)
    with naming(home):
        return Store(home).save(model=layout.graph.parent, checks=layout.checks)


@task
@as_failed_state
def compare_with_champion(folder: Path, candidate: str) -> ChampionComparison:
    """Evaluate candidate and champion on the same rows; fails where a task would get worse."""
    store, problem = Store(store_home(folder)), load_problem(folder)
    champion = store.champion(problem.name)
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
    if worse := worse_tasks(comparison, problem.gates.worse_than_champion):
        store.refuse(candidate, champion, tuple(difference_words(difference) for difference in worse))
    refuse_worse(comparison, candidate, problem.gates.worse_than_champion)
    return comparison


@task
@as_failed_state
def promote(folder: Path, candidate: str) -> None:
    """Make the candidate the champion, in one atomic step. An earlier comparison that it lost is void."""
    store = Store(store_home(folder))
    store.accept(candidate)
    store.promote(candidate)


@task
@as_failed_state
def record(folder: Path, candidate: str) -> str:
    """Record the run as a DVC experiment named after the model's version."""
    return save_experiment(folder, candidate.replace(":", "-"))


@task(retries=PROBES, retry_delay_seconds=PROBE_SECONDS)
@as_failed_state
def tell_service(candidate: str) -> str:
    """Wait until the service serves the new version; retried, since a service takes a moment."""
    url = os.environ.get(SERVICE)
    if not url:
        return f"services on this store switch to it by themselves; set {SERVICE} to wait for one"
    try:
        served = httpx.get(f"{url.rstrip('/')}/model", timeout=5.0).raise_for_status().json()["model"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise ToolError(f"service {url}: must answer GET /model with its version, found {error!r}") from None
    if served != candidate:
        raise ToolError(
            f"service {url}: must serve the new champion {candidate}, found {served}; check that it uses the same store"
        )
    return f"{url} serves {served}"


@flow(name="retrain", flow_run_name="retrain {folder.name}")
@as_failed_state
def retrain(folder: Path) -> RetrainResult:
    """Bring every stage up to date, compare, promote, record, wait for the service."""
    prepare_environment(folder)  # a worker or a schedule that runs this has not come through the command line
    end_with_parent()
    with exclusive_run(folder, wait=True):
        check_start(folder)
        return _retrain(folder)


def _retrain(folder: Path) -> RetrainResult:
    stages = _bring_up_to_date(folder)
    checks = publish(folder)
    candidate = _run(save_candidate, folder)
    comparison = _run(compare_with_champion, folder, candidate)
    if promoted := comparison.champion != candidate:
        _run(promote, folder, candidate)
    recorded = _run(record, folder, candidate)
    return RetrainResult(
        stages=tuple(stage for stage in stages if stage.name != DIGESTS),
        checks=checks,
        gates_off=tuple(name for name, _ in load_problem(folder).gates.switched_off()),
        comparison=comparison,
        version=candidate,
        promoted=promoted,
        recorded=recorded,
        told=_run(tell_service, candidate),
        other_bits=other_bits_words(folder) if any(stage.ran for stage in stages) else "",
    )


def _bring_up_to_date(folder: Path) -> list[StageRun]:
    """Every stage in its order; raises the error of the one that failed."""
    stages = []
    for stage in stage_names(folder):
        try:
            stages.append(_run(run_stage, folder, stage))
        except StageFailed as failure:
            if stage != "check" or failure.exit_code != CheckFailed.exit_code:
                raise
            raise _keep_refused(folder, failure) from None
    return stages


def _keep_refused(folder: Path, failure: StageFailed) -> StageFailed:
    """Save a candidate whose gates failed; returns the failure with the words about what became of it."""
    candidate = _run(save_candidate, folder)
    champion = Store(store_home(folder)).champion(load_problem(folder).name)
    if champion == candidate:
        fate = f"{candidate} is already the champion and keeps serving"
    else:
        serves = f"champion {champion} keeps serving" if champion else "there is no champion yet"
        fate = f"{serves}; the candidate is kept as refused; to overrule: `mtl promote {candidate} --overrule`"
    return StageFailed(f"{failure}\n{fate}", failure.exit_code)


def run_retrain(folder: Path) -> RetrainResult:
    """Run the flow; raises the error of the task that failed."""
    prepare_environment(folder)
    with prefect_server(Path(os.environ["PREFECT_HOME"])):
        result = _run(retrain, folder)
    assert isinstance(result, RetrainResult)
    return result


def _run(function: Any, *args: Any) -> Any:
    """Result of a task or flow, or its error, raised."""
    result = function(*args, return_state=True).result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    return result
