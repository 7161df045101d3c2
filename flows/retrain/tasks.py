"""Prefect tasks of the retrain flow, which fail with the error's message instead of a traceback."""

import functools
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import httpx
from prefect import task
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.console.retrain import print_stage
from flows.environment import store_home
from flows.layout import Layout
from flows.pipeline.experiments import experiment_revision, save_experiment
from flows.pipeline.graph import DIGESTS, bring_up_to_date
from flows.provenance import model_provenance
from flows.remote import push_champion
from flows.retrain.artifacts.comparison import publish_comparison
from flows.retrain.compare import ChampionComparison, compare_models
from flows.retrain.decision import Decision, decide, refusal, respect_rollback
from flows.retrain.result import StageRun
from flows.retrain.teacher import record_challenger
from mtl_core.config import load_problem
from mtl_core.errors import PromotionRefused, ToolError, TrunklineError
from mtl_core.files import os_errors_with_path
from serving.decisions import decide_version
from serving.errors import ServingError
from serving.provenance import Experiment, StageTime
from serving.redaction import redact
from serving.retention import prune
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
def save_candidate(folder: Path, stages: Sequence[StageRun]) -> str:
    """Save the model, the checks of exactly its bytes, and its provenance in the store; returns its tag."""
    layout, home = Layout(folder), store_home(folder)
    times = {
        stage.name: StageTime(seconds=stage.seconds, processor_seconds=stage.processor_seconds)
        for stage in stages
        if stage.ran and stage.name != DIGESTS
    }
    provenance = model_provenance(folder, load_problem(folder).training.seed, times)
    with os_errors_with_path(home):
        return Store(home).save(model=layout.graph.parent, checks=layout.checks, provenance=provenance)


@task
@as_failed_state
def compare_with_champion(folder: Path, candidate: str) -> ChampionComparison:
    """Evaluate candidate and champion on the same rows."""
    store, name = Store(store_home(folder)), load_problem(folder).name
    champion = store.champion(name)
    if champion is None:
        return ChampionComparison(champion=None, notes=("no champion yet; nothing to compare with",))
    if champion == candidate:
        return ChampionComparison(champion=champion, notes=("the candidate is already the champion; nothing changed",))
    if (damage := store.damage(champion)) is not None:
        raise PromotionRefused(
            f"champion {champion}: must have intact files to be compared, found {damage}. Restore them, or promote "
            f"{candidate} without a comparison: `mtl promote {candidate}`"
        )
    return compare_models(folder, champion, store.path(champion))


@task
@as_failed_state
def decide_on_candidate(folder: Path, candidate: str, comparison: ChampionComparison) -> Decision:
    """Promote, keep or refuse the candidate by the gates; fails with the reasons where it is refused.

    The store records a candidate that is kept or refused.
    """
    store, problem = Store(store_home(folder)), load_problem(folder)
    promotions = store.promotions(problem.name)
    starts = [change.at for change in promotions if change.after == comparison.champion]
    age = datetime.now(UTC) - starts[-1] if starts else None
    decision = respect_rollback(decide(comparison, candidate, problem.gates, age=age), candidate, promotions)
    publish_comparison(comparison, decision, candidate, problem.name)
    if decision.outcome != "unchanged":
        record_challenger(store, problem.name, candidate, comparison)
    if decision.outcome == "refused":
        assert comparison.champion is not None
        store.refuse(candidate, comparison.champion, decision.reasons)
        raise PromotionRefused(refusal(comparison, candidate, problem.gates, decision.reasons))
    if decision.outcome == "kept":
        decide_version(store, candidate, "kept", champion=comparison.champion, reasons=decision.reasons)
    return decision


@task
@as_failed_state
def promote(folder: Path, candidate: str) -> None:
    """Make the candidate the champion, atomically. An earlier refusal of it is void."""
    store = Store(store_home(folder))
    store.accept(candidate)
    store.promote(candidate, reason="retrain")


@task
@as_failed_state
def record(folder: Path, candidate: str) -> str:
    """Record the run as a DVC experiment named after the model's version, and the experiment in its provenance."""
    name = candidate.replace(":", "-")
    sentence = save_experiment(folder, name)
    if commit := experiment_revision(folder, name):
        revision, parent = commit
        Store(store_home(folder)).add_experiment(candidate, Experiment(name=name, revision=revision), parent)
    return sentence


@task
@as_failed_state
def delete_old_versions(folder: Path) -> tuple[str, ...]:
    """Delete the versions that exceed a limit of `store` in params.yaml; returns them."""
    limits = load_problem(folder).store
    if limits.keep is None and limits.max_age is None:
        return ()
    store, name = Store(store_home(folder)), load_problem(folder).name
    return tuple(old.version for old in prune(store, name, keep=limits.keep, max_age=limits.age_limit))


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
