"""The retrain flow: every stage brought up to date, then the side effects.

DVC decides which stages run. The flow decides when, and has the side effects: compare with the champion, wait for an
approval, promote, record, wait for the service. It uses the Prefect server of PREFECT_API_URL, or a temporary one for
the run.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from prefect import flow

from flows.environment import prepare_environment, store_home
from flows.logs import set_fields, start_json_lines
from flows.pipeline.dvc_lock import other_outputs_note
from flows.pipeline.failure import StageFailed
from flows.pipeline.graph import DIGESTS, stage_names
from flows.retrain.approval import wait_for_approval
from flows.retrain.compare import ChampionComparison
from flows.retrain.decision import Decision
from flows.retrain.publish import publish_links, publish_stage, read_checks
from flows.retrain.result import RetrainResult, StageRun
from flows.retrain.server import prefect_server
from flows.retrain.tasks import (
    as_failed_state,
    compare_with_champion,
    decide_on_candidate,
    delete_old_versions,
    promote,
    push,
    record,
    result_of,
    run_stage,
    save_candidate,
    wait_for_service,
)
from flows.retrain.teacher import renew_teacher
from flows.running import check_start, end_with_worker, exclusive_run
from mtl_core.config import load_problem
from mtl_core.errors import CheckFailed, PromotionRefused
from serving.store import Store


@flow(name="retrain", flow_run_name="retrain {folder.name}")
@as_failed_state
def retrain(folder: Path) -> RetrainResult:
    """Bring every stage up to date, compare, promote or keep, record, wait for the service."""
    prepare_environment(folder)  # a worker or a schedule runs this without the command line
    start_json_lines()
    end_with_worker()
    with exclusive_run(folder, wait=True):
        check_start(folder)
        set_fields(problem=load_problem(folder).name, version=None, stage=None)
        return _retrain(folder)


def _retrain(folder: Path) -> RetrainResult:
    stages = _bring_up_to_date(folder)
    candidate = result_of(save_candidate, folder, stages)
    set_fields(version=candidate, stage=None)
    publish_links(folder, candidate)
    experiment = result_of(record, folder, candidate)  # before a refusal, which ends the run
    comparison = result_of(compare_with_champion, folder, candidate)
    try:
        decision = result_of(decide_on_candidate, folder, candidate, comparison)
    except PromotionRefused as error:
        error.result = _refused_result(folder, stages, candidate, comparison, experiment)
        raise
    waiting, promoted = "", False
    if decision.outcome == "promoted":
        waiting = wait_for_approval(folder, candidate, comparison.champion, decision)
        if promoted := not waiting:
            result_of(promote, folder, candidate)
    serves = promoted or decision.outcome == "unchanged"
    return RetrainResult(
        stages=tuple(stage for stage in stages if stage.name != DIGESTS),
        checks=read_checks(folder),
        gates_off=tuple(name for name, _ in load_problem(folder).gates.switched_off()),
        comparison=comparison,
        version=candidate,
        decision=decision,
        promoted=promoted,
        waiting=waiting,
        experiment=experiment,
        remote=result_of(push, folder),
        service=result_of(wait_for_service, candidate) if serves else _still_serving(comparison.champion),
        deleted=result_of(delete_old_versions, folder),
        other_outputs=other_outputs_note(folder) if any(stage.ran for stage in stages) else "",
    )


def _refused_result(
    folder: Path, stages: Sequence[StageRun], candidate: str, comparison: ChampionComparison, experiment: str
) -> RetrainResult:
    """Result of a retrain whose candidate is refused, with the reasons that the store has recorded."""
    reasons = Store(store_home(folder)).refusal(candidate)
    return RetrainResult(
        stages=tuple(stage for stage in stages if stage.name != DIGESTS),
        checks=read_checks(folder),
        gates_off=tuple(name for name, _ in load_problem(folder).gates.switched_off()),
        comparison=comparison,
        version=candidate,
        decision=Decision(outcome="refused", reasons=reasons),
        promoted=False,
        waiting="",
        experiment=experiment,
        remote="",
        service=_still_serving(comparison.champion),
        deleted=(),
        other_outputs=other_outputs_note(folder) if any(stage.ran for stage in stages) else "",
    )


def _still_serving(champion: str | None) -> str:
    return f"champion {champion} keeps serving" if champion else "no version serves yet"


def _bring_up_to_date(folder: Path) -> list[StageRun]:
    """Run every stage in its order; raises the error of the one that failed."""
    stages = []
    for stage in stage_names(folder):
        set_fields(stage=stage)
        if stage == "train":
            renew_teacher(folder)
        try:
            stages.append(result_of(run_stage, folder, stage))
        except StageFailed as failure:
            publish_stage(folder, stage)
            if stage != "check" or failure.exit_code != CheckFailed.exit_code:
                raise
            raise _save_refused(folder, stages, failure) from None
        publish_stage(folder, stage)
    return stages


def _save_refused(folder: Path, stages: Sequence[StageRun], failure: StageFailed) -> StageFailed:
    """Save a candidate whose gates failed; the failure, extended by a sentence about the champion and the candidate."""
    candidate = result_of(save_candidate, folder, stages)
    experiment = result_of(record, folder, candidate)
    champion = Store(store_home(folder)).champion(load_problem(folder).name)
    if champion == candidate:
        outcome = f"{candidate} is already the champion and keeps serving"
    else:
        serving = f"champion {champion} keeps serving" if champion else "there is no champion yet"
        outcome = f"{serving}; the candidate is kept as refused; to overrule: `mtl promote {candidate} --overrule`"
    refused = StageFailed(f"{failure}\n{outcome}", failure.exit_code)
    comparison = ChampionComparison(champion=champion, notes=("not compared: a gate failed",))
    refused.result = _refused_result(folder, stages, candidate, comparison, experiment)
    return refused


def run_retrain(folder: Path) -> RetrainResult:
    """Run the flow; raises the error of the task that failed."""
    prepare_environment(folder)
    with prefect_server(Path(os.environ["PREFECT_HOME"])):
        result = result_of(retrain, folder)
    assert isinstance(result, RetrainResult)
    return result
