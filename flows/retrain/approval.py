"""Approval of a candidate by a person, under `gates.approval: required`.

The store says which version waits, see serving/decisions.py, so that `mtl approve` needs no server. On a lasting
Prefect server the flow run pauses as well, and is resumed there or by `mtl approve`; it holds no lock meanwhile.
"""

from contextvars import copy_context
from pathlib import Path
from threading import Event, Timer
from uuid import UUID

from prefect import pause_flow_run, resume_flow_run
from prefect.context import FlowRunContext
from prefect.exceptions import NotPausedError

from flows.environment import store_home
from flows.retrain.decision import Decision
from flows.retrain.server import has_lasting_server
from flows.running import released_run
from mtl_core.config import Gates, load_problem
from mtl_core.config.duration import fixed_length
from mtl_core.errors import PromotionRefused
from serving.decisions import VersionDecision, decide_version, decision_of
from serving.store import Store

POLL_SECONDS = 10
GRACE_SECONDS = 3_600
"""Time after the declared one for which the server still lets the run go on."""


def wait_for_approval(folder: Path, candidate: str, champion: str | None, decision: Decision) -> str:
    """Mark the candidate as waiting, if the gates require an approval, and pause the run where a server can resume it.

    Returns "" once the candidate may be promoted, or a sentence on how to approve it, also where the pause ends without
    an answer. Raises PromotionRefused if it was rejected meanwhile, or its champion was replaced.
    """
    gates = load_problem(folder).gates
    if gates.approval != "required":
        return ""
    store, run = Store(store_home(folder)), FlowRunContext.get()
    can_pause = has_lasting_server() and run is not None and run.flow_run is not None
    flow_run = str(run.flow_run.id) if can_pause and run is not None and run.flow_run is not None else None
    decide_version(store, candidate, "waiting", champion=champion, reasons=decision.reasons, flow_run=flow_run)
    approve = f"gates.approval: required; to promote it: `mtl approve {candidate}`, else `mtl approve --reject`"
    if flow_run is None:
        return approve
    with released_run(folder):
        answered = _pause(UUID(flow_run), timeout_seconds(gates))
    if not answered:
        return f"no answer within gates.approval_timeout = {gates.approval_timeout}; {approve}"
    _check_still_compared(store, candidate, champion)
    return ""


def _pause(flow_run: UUID, seconds: int) -> bool:
    """Pause the run until it is resumed; False if it was not within the time.

    This process resumes the run then: once the server's own timeout is over, the run can only fail.
    """
    expired = Event()

    def end_pause() -> None:
        expired.set()
        try:
            resume_flow_run(flow_run)
        except NotPausedError:  # resumed at the last moment
            expired.clear()

    timer = Timer(seconds, copy_context().run, [end_pause])
    timer.daemon = True
    timer.start()
    try:
        pause_flow_run(timeout=seconds + GRACE_SECONDS, poll_interval=POLL_SECONDS)
    finally:
        timer.cancel()
    return not expired.is_set()


def timeout_seconds(gates: Gates) -> int:
    """Seconds for which a run pauses."""
    return int(fixed_length(gates.approval_timeout).total_seconds())


def _check_still_compared(store: Store, candidate: str, champion: str | None) -> None:
    """PromotionRefused unless the candidate waits still, for the same champion, or was promoted meanwhile."""
    present = store.champion(candidate.partition(":")[0])
    if present == candidate:
        return
    if reasons := store.refusal(candidate):
        raise PromotionRefused(f"candidate {candidate} is not promoted: {'; '.join(reasons)}")
    state = decision_of(store, candidate)
    if state is None or state.outcome != "waiting":
        reasons = state.reasons if state else ("it does not wait for approval any more",)
        raise PromotionRefused(f"candidate {candidate} is not promoted: {'; '.join(reasons)}")
    if present != champion:
        raise PromotionRefused(replaced_champion(candidate, champion, present))


def replaced_champion(candidate: str, compared: str | None, present: str | None) -> str:
    """Message about a waiting candidate whose champion was replaced after the comparison."""
    return (
        f"candidate {candidate} is not promoted: it must have been compared with the present champion, found one with "
        f"{compared or 'none'}, while {present or 'none'} is the champion now; `mtl retrain` compares it again"
    )


def resume(flow_run: str) -> str:
    """Resume the paused flow run of a candidate; a sentence about the outcome."""
    if not has_lasting_server():
        return f"set PREFECT_API_URL to end the paused flow run {flow_run} too; it ends after gates.approval_timeout"
    try:
        resume_flow_run(UUID(flow_run))
    except Exception as error:  # of the client, the server or the run; the store has the outcome already
        return f"the flow run {flow_run} was not resumed: {str(error).splitlines()[0] if str(error) else repr(error)}"
    return f"the paused flow run {flow_run} goes on"


def approve(store: Store, candidate: str, waiting: VersionDecision, reason: str) -> None:
    """Promote a waiting candidate; PromotionRefused if the champion was replaced after the comparison."""
    present = store.champion(candidate.partition(":")[0])
    if present != waiting.champion:
        raise PromotionRefused(replaced_champion(candidate, waiting.champion, present))
    store.promote(candidate, reason=f"approved: {reason}" if reason else "approved")


def reject_version(store: Store, candidate: str, waiting: VersionDecision, reason: str) -> None:
    """Mark a waiting candidate as refused for that reason."""
    store.refuse(candidate, waiting.champion or "no champion", (f"rejected: {reason}",))
