"""Prefect artifact about a candidate: the decision, its tasks against the champion's, churn, and the worst slices."""

from prefect.artifacts import create_markdown_artifact

from flows.console.comparison import churn_text, verdict
from flows.retrain.artifacts.key import artifact_key
from flows.retrain.compare import ChampionComparison
from flows.retrain.decision import Decision
from mtl_core.churn import Churn
from mtl_core.evaluation import Difference
from mtl_core.report.wording import decimal_places, interval, number, plural, rounded, signed
from mtl_core.slices import SliceDifference

WORST = 10
"""Maximum slices that are shown."""


def publish_comparison(comparison: ChampionComparison, decision: Decision, candidate: str, problem: str) -> None:
    """Create the artifact of the current flow run."""
    create_markdown_artifact(
        markdown=comparison_markdown(comparison, decision, candidate),
        key=artifact_key(problem, "comparison"),
        description="Challenger against champion",
    )


def comparison_markdown(comparison: ChampionComparison, decision: Decision, candidate: str) -> str:
    """The comparison as Markdown; names of users are escaped."""
    lines = [f"**{_escaped(candidate)}: {decision.outcome}**", ""]
    lines += [*(f"- {_escaped(reason)}" for reason in decision.reasons), ""]
    if comparison.differences:
        lines += _table(
            f"against champion {comparison.champion}",
            ("task", "metric", "champion", "candidate", "better by", "95% interval", "verdict", "churn"),
            [_task_row(d, churn_of(comparison, d.task)) for d in comparison.differences],
        )
    if slices := comparison.slices.differences:
        lines += _table(
            f"worst of {plural(len(slices), 'slice')} and tasks, at 95% for all together",
            ("slice", "rows", "task", "metric", "champion", "candidate", "better by", "at most"),
            [
                (
                    d.name,
                    f"{d.rows:,}",
                    d.task,
                    d.metric,
                    *map(number, (d.reference, d.candidate, d.difference, d.high)),
                )
                for d in slices[:WORST]
            ],
        )
    notes = [*comparison.notes, *(f"not compared: {sentence}" for sentence in comparison.slices.left_out)]
    return "\n".join([*lines, *(f"- {_escaped(note)}" for note in notes)]) + "\n"


def churn_of(comparison: ChampionComparison, task: str) -> Churn | None:
    """The churn of a task; None if it was not measured."""
    return next((churn for churn in comparison.churn if churn.task == task), None)


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


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    cells = [columns, ("---",) * len(columns), *rows]
    return [f"### {_escaped(title)}", "", *(f"| {' | '.join(map(_escaped, row))} |" for row in cells), ""]


def _escaped(text: str) -> str:
    """Text without characters that Markdown or HTML would interpret."""
    text = " ".join(text.split()).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    for character in "|*_`[]":
        text = text.replace(character, f"\\{character}")
    return text
