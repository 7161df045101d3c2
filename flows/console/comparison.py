"""Words about candidate and champion, for the terminal and for Prefect's artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtl_core.report.wording import number, percent, with_unit

if TYPE_CHECKING:
    from mtl_core.churn import Churn
    from mtl_core.evaluation import Difference


def churn_text(churn: Churn) -> str:
    """Share of the rows that flip, and mean absolute change of the numbers."""
    parts = [f"{churn.decision} flips in {percent(churn.flipped)} of rows"] if churn.decision else []
    if churn.mean_change is not None or not churn.decision:
        parts.append(f"mean change {with_unit(number(churn.mean_change, 3), churn.unit)}")
    return ", ".join(parts)


def verdict(difference: Difference) -> str:
    """The difference in words."""
    if difference.is_better:
        return "better"
    return "worse" if difference.is_worse(0.0) else "no significant difference"
