"""Proposals from facts: the features, the kinds of the tasks, and the split, each with its warnings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flows.draft.facts import TableSample
from flows.draft.leaks import add_leak_warnings
from flows.draft.patterns import CONSTANT, Pattern, find_patterns
from flows.draft.reading import DetectedOptions
from flows.draft.source import FILE, TEXT
from flows.draft.splits import propose_split
from flows.draft.targets import propose_task, with_warning
from mtl_core.errors import DataError, ProblemError, suggestion
from mtl_core.features import AnyFeature, ColumnFacts, Feature, Proposal
from mtl_core.features.free_text import propose_text
from mtl_core.names import INTERNAL
from mtl_core.schema import members
from mtl_core.tasks.span_labels import is_span_list

NUMBER = re.compile(r"-?[0-9]*\.?[0-9]+")
INDEX_NAME = re.compile(r"(Unnamed: [0-9]+|__index_level_[0-9]+__|index|level_[0-9]+)?", re.IGNORECASE)
"""Names that data frames give to their row labels when they are written."""


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
        if target in sample.partial:
            raise ProblemError(
                f"--tasks: {target!r} must be a column of every part file, found {sample.partial[target]} without it; "
                "write it there, with missing values where nothing is known, or leave the file out"
            )
        if target not in sample.facts:
            no_header = any(NUMBER.fullmatch(name) for name in sample.facts)
            hint = "; the first line must have the column names; is it missing?" if no_header else ""
            raise ProblemError(
                f"--tasks: {target!r} is not a column of the data; {suggestion(target, list(sample.facts))}{hint}"
            )
    tasks = {target: propose_task(sample, target, targets) for target in targets}
    texts = {column: target for target, task in tasks.items() if (column := task.options.get("text"))}
    proposals: dict[str, Proposal] = {}
    for name, facts in sample.facts.items():
        if name in texts:
            proposals[name] = propose_text(facts, f"the text of the spans in {texts[name]!r}")
        elif name not in targets:
            feature = _propose_feature(facts) if sample.reading.format is None else _propose_column(facts)
            proposals[name] = with_warning(feature, sample.warnings[name])
    split = propose_split(sample, proposals)
    for name, note in _split_columns(split).items():
        if name in proposals and proposals[name].options:
            proposals[name] = Proposal(note=note)
    if not any(proposal.options for proposal in proposals.values()):
        reasons = "".join(f"\n  {name}: {proposal.note}" for name, proposal in proposals.items())
        raise DataError(f"no column can be used as a feature: {reasons or 'every column is a task'}")
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


def _propose_column(facts: ColumnFacts) -> Proposal:
    """The proposal for a column of tagged text: its text is a feature."""
    if facts.name == TEXT and facts.non_null:
        return propose_text(facts, "the text that is tagged")
    return Proposal(note="not known at prediction time; it can be a task" if facts.name != FILE else "name of the file")


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
        return Proposal(note=f"{counts}: an id, or texts of few words")
    if is_span_list(facts.type):
        return Proposal(note=f"spans of a text, which --tasks {facts.name} predicts")
    if facts.is_number:
        return Proposal(note=f"{counts}, named like an id")
    return Proposal(note=f"type {facts.type} is not supported by any kind of feature")
