"""The proposed kinds of the tasks."""

from collections.abc import Sequence
from dataclasses import replace

from flows.draft.facts import TableSample
from flows.draft.spans import text_of_spans
from mtl_core import arrow_compute as pc
from mtl_core.arrow import item_type, scalar_type
from mtl_core.errors import DataError
from mtl_core.features import ColumnFacts, Proposal
from mtl_core.tasks.span_labels import is_span_list

MAX_CLASSES = 12
"""Whole numbers with up to that many distinct values may be classes rather than amounts."""
POSITIVE = ("yes", "y", "true", "t", "1", "positive")


def propose_task(sample: TableSample, name: str, targets: Sequence[str]) -> Proposal:
    """Propose a task for one of the targets; raises DataError for values that no kind of task predicts."""
    warning, facts = sample.warnings[name], sample.facts[name]
    try:
        if is_span_list(facts.type):
            return _propose_tagging(sample, facts, targets)
        return with_warning(_propose_scalar_task(facts), warning)
    except DataError as error:
        raise DataError(f"{error}\n  {name}: {warning}" if warning else str(error)) from None


def _propose_tagging(sample: TableSample, facts: ColumnFacts, targets: Sequence[str]) -> Proposal:
    if not len(pc.list_flatten(facts.values)):
        raise DataError(f"--tasks: {facts.name!r} must have spans, found none in {facts.rows:,} rows")
    text = text_of_spans(sample, facts.name, targets)
    return Proposal(options={"kind": "tagging", "text": text}, note=_unlabelled_note(facts))


def _unlabelled_note(facts: ColumnFacts) -> str:
    nulls = facts.rows - facts.non_null
    return f"{nulls / facts.rows:.1%} of the rows are unlabelled; they still train the other tasks" if nulls else ""


def _propose_scalar_task(facts: ColumnFacts) -> Proposal:
    note = _unlabelled_note(facts)
    if scalar_type(facts.type) is None:
        by_hand = (
            "for a list of labels, declare a task of kind multilabel by hand; spans of a text are lists of "
            "{start, end, label}, of whole numbers and text"
        )
        fix = by_hand if item_type(facts.type) else "extract the values you need into separate columns"
        raise DataError(f"--tasks: {facts.name!r} must be text, a number or a boolean, found {facts.type}; {fix}")
    if facts.distinct < 2:
        values = [str(value) for value, _ in facts.common]
        raise DataError(f"--tasks: {facts.name!r} must have at least two values, found {values or 'none'}")
    if facts.is_flag:
        return Proposal(options={"kind": "binary"}, note=note)
    if facts.is_text:
        return _propose_text_task(facts, note)
    if facts.whole and facts.distinct <= MAX_CLASSES:
        warning = f"{facts.distinct} whole numbers; use regression if they are amounts"
        return Proposal(options={"kind": "multiclass"}, note=note, warning=warning)
    return Proposal(options={"kind": "regression"}, note=note)


def _propose_text_task(facts: ColumnFacts, note: str) -> Proposal:
    if facts.distinct == 2:
        classes = [str(value) for value, _ in facts.common]
        positive = next((name for name in classes if name.strip().lower() in POSITIVE), None)
        question = f"which of {classes[0]!r} and {classes[1]!r} is the positive class? the rarer one was chosen"
        return Proposal(
            options={"kind": "binary", "positive": positive or classes[-1]},
            note=note,
            warning="" if positive else question,
        )
    if facts.distinct > facts.non_null / 2:
        raise DataError(
            f"--tasks: {facts.name!r} must have classes that repeat, found {facts.distinct:,} distinct texts in "
            f"{facts.non_null:,} rows; is it an id, or free text?"
        )
    warning = f"{facts.distinct} classes; is that intended?" if facts.distinct > 50 else ""
    return Proposal(options={"kind": "multiclass"}, note=note, warning=warning)


def with_warning(proposal: Proposal, warning: str) -> Proposal:
    """The proposal with one more warning; "" for none."""
    return replace(proposal, warning="; ".join(filter(None, (proposal.warning, warning))))
