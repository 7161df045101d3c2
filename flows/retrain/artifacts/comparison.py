"""Comparison of candidate and champion: the decision, the tasks, churn, and the worst slices."""

from collections.abc import Sequence

from prefect.artifacts import create_markdown_artifact

from flows.console.comparison import churn_text, verdict
from flows.retrain.artifacts.key import artifact_key
from flows.retrain.artifacts.markdown import escape, table
from flows.retrain.compare import ChampionComparison
from flows.retrain.decision import Decision
from mtl_core.churn import Churn
from mtl_core.evaluation import Difference
from mtl_core.report.wording import decimal_places, interval, number, plural, rounded, signed
from mtl_core.slices import SliceDifference

MAX_SLICES = 10
"""Maximum slices that are shown, the worst ones."""
TASK_COLUMNS = ("task", "metric", "champion", "candidate", "better by", "95% interval", "verdict", "churn")
SLICE_COLUMNS = ("slice", "rows", "task", "metric", "champion", "candidate", "better by", "at most")


def publish_comparison(comparison: ChampionComparison, decision: Decision, candidate: str, problem: str) -> None:
    """Create the artifact of the current flow run."""
    create_markdown_artifact(
        markdown=comparison_markdown(comparison, decision, candidate),
        key=artifact_key(problem, "comparison"),
        description="Candidate and champion",
    )


def comparison_markdown(comparison: ChampionComparison, decision: Decision, candidate: str) -> str:
    """Markdown of a comparison."""
    text = [f"**{escape(candidate)}: {decision.outcome}**", _bullets(decision.reasons)]
    if comparison.differences:
        churns = {churn.task: churn for churn in comparison.churn}
        rows = [_task_row(difference, churns.get(difference.task)) for difference in comparison.differences]
        text += [f"### against champion {escape(comparison.champion)}", table(TASK_COLUMNS, rows)]
    if slices := comparison.slices.differences:
        title = f"worst of {plural(len(slices), 'slice')} and tasks, at 95% for all together"
        text += [f"### {title}", table(SLICE_COLUMNS, map(_slice_row, slices[:MAX_SLICES]))]
    text.append(_bullets([*comparison.notes, *(f"not compared: {line}" for line in comparison.slices.left_out)]))
    return "\n\n".join(filter(None, text)) + "\n"


def _task_row(difference: Difference, churn: Churn | None) -> tuple[str, ...]:
    decimals = decimal_places(difference.high - difference.low)
    return (
        difference.task,
        difference.metric,
        rounded(difference.reference, decimals),
        rounded(difference.candidate, decimals),
        signed(difference.difference, decimals),
        interval(difference.low, difference.high, decimals),
        verdict(difference),
        churn_text(churn) if churn else "",
    )


def _slice_row(difference: SliceDifference) -> tuple[str, ...]:
    numbers = (difference.reference, difference.candidate, difference.difference, difference.high)
    return (difference.name, f"{difference.rows:,}", difference.task, difference.metric, *map(number, numbers))


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences)
