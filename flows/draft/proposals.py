"""Proposals from facts: the features, the kinds of the tasks, and the split, each with its warnings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flows.draft.facts import TableSample
from flows.draft.leaks import add_leak_warnings
from flows.draft.patterns import CONSTANT, Pattern, find_patterns
from flows.draft.reading import DetectedOptions
from flows.draft.splits import propose_split
from mtl_core.arrow import item_type, scalar_type
from mtl_core.errors import DataError, ProblemError, suggestion
from mtl_core.features import AnyFeature, ColumnFacts, Feature, Proposal
from mtl_core.names import INTERNAL
from mtl_core.schema import members

MAX_CLASSES = 12
"""Whole numbers with up to that many distinct values may be classes rather than amounts."""
NUMBER = re.compile(r"-?[0-9]*\.?[0-9]+")
INDEX_NAME = re.compile(r"(Unnamed: [0-9]+|__index_level_[0-9]+__|index|level_[0-9]+)?", re.IGNORECASE)
"""Names that data frames give to their row labels when they are written."""
POSITIVE = ("yes", "y", "true", "t", "1", "positive")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A proposed problem; features and left-out columns by the column's name.

    `patterns`: name -> the features that it declares.
    """

    split: Proposal
    features: Mapping[str, Proposal]
    left_out: Mapping[str, Proposal]
    tasks: Mapping[str, Proposal]
    reading: DetectedOptions
    patterns: Mapping[str, Pattern] = field(default_factory=dict)

    @property
    def warnings(self) -> dict[str, str]:
        """Warnings by subject: an option of `data`, `split`, or a column."""
        proposals = {"split": self.split, **self.features, **self.tasks, **self.left_out}
        return dict(self.reading.warnings) | {name: each.warning for name, each in proposals.items() if each.warning}


def propose_problem(sample: TableSample, targets: Sequence[str]) -> Draft:
    """Propose a problem; raises ProblemError for a target that is no column, DataError if nothing can be proposed."""
    for target in targets:
        if target not in sample.facts:
            no_header = any(NUMBER.fullmatch(name) for name in sample.facts)
            hint = "; the first line must have the column names; is it missing?" if no_header else ""
            raise ProblemError(
                f"--tasks: {target!r} is not a column of the data; {suggestion(target, list(sample.facts))}{hint}"
            )
    proposals = {
        name: _with_warning(_propose_feature(facts), sample.warnings[name])
        for name, facts in sample.facts.items()
        if name not in targets
    }
    split = propose_split(sample, proposals)
    for name, note in _split_columns(split).items():
        if name in proposals and proposals[name].options:
            proposals[name] = Proposal(note=note)
    if not any(proposal.options for proposal in proposals.values()):
        reasons = "".join(f"\n  {name}: {proposal.note}" for name, proposal in proposals.items())
        raise DataError(f"no column can be used as a feature: {reasons or 'every column is a task'}")
    tasks = {target: _propose_target(sample, target) for target in targets}
    proposals = add_leak_warnings(sample, proposals, targets)
    not_in_patterns = {split.options["column"], split.options.get("key"), ""}
    patterns = find_patterns(
        {name: proposal for name, proposal in proposals.items() if name not in not_in_patterns},
        numbers=[name for name, facts in sample.facts.items() if facts.is_number or facts.is_boolean],
    )
    matched = {name for pattern in patterns.values() for name in pattern.columns}
    features = {name: proposal for name, proposal in proposals.items() if proposal.options or name in matched}
    return Draft(
        split=split,
        features=features,
        left_out={name: proposal for name, proposal in proposals.items() if name not in features},
        reading=sample.reading,
        tasks=tasks,
        patterns=patterns,
    )


def _split_columns(split: Proposal) -> dict[str, str]:
    """Columns of the split that are no features -> reason. A time is a feature, since hours and weekdays recur."""
    match split.options:
        case {"by": "column", "column": column, "key": key}:
            return {column: "defines the split", key: "the key of the split"}
        case {"by": "column", "column": column}:
            return {column: "defines the split"}
        case {"by": "hash", "column": column}:
            return {column: "the key of the split; its values do not occur in the other splits"}
    return {}


def _with_warning(proposal: Proposal, warning: str) -> Proposal:
    return replace(proposal, warning="; ".join(filter(None, (proposal.warning, warning))))


def _propose_feature(facts: ColumnFacts) -> Proposal:
    """The first proposal of a kind of feature; otherwise the reason why the column is left out."""
    counts = f"{facts.distinct:,} distinct values in {facts.non_null:,} rows"
    is_numbering = facts.is_number and facts.whole and facts.distinct == facts.non_null > 0
    if is_numbering and INDEX_NAME.fullmatch(facts.name):
        return Proposal(note=counts, warning="looks like the index of a data frame; not used as a feature")
    if not facts.name or facts.name.startswith(INTERNAL):
        return Proposal(note="its name is empty or reserved; rename it to use it")
    if facts.non_null == 0:
        return Proposal(note="no values")
    if facts.distinct == 1 and facts.non_null == facts.rows:
        return Proposal(note=CONSTANT)
    if is_numbering and (facts.sequence or facts.named_id):
        return Proposal(note=f"{counts}: an id")
    for kind in members(AnyFeature):
        assert issubclass(kind, Feature)
        if (proposal := kind.propose(facts)) is not None:
            return proposal
    if facts.is_text:
        return Proposal(note=f"{counts}: an id, or free text")
    if facts.is_number:
        return Proposal(note=f"{counts}, named like an id")
    return Proposal(note=f"type {facts.type} is not supported by any kind of feature")


def _propose_target(sample: TableSample, name: str) -> Proposal:
    warning = sample.warnings[name]
    try:
        return _with_warning(_propose_task(sample.facts[name]), warning)
    except DataError as error:
        raise DataError(f"{error}\n  {name}: {warning}" if warning else str(error)) from None


def _propose_task(facts: ColumnFacts) -> Proposal:
    nulls = facts.rows - facts.non_null
    note = f"{nulls / facts.rows:.1%} of the rows are unlabelled; they still train the other tasks" if nulls else ""
    if scalar_type(facts.type) is None:
        by_hand = "for a list of labels, declare a task of kind multilabel by hand"
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
