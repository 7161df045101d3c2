"""Proposals from facts: the features, the kinds of the tasks, and the split, each with its doubts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from flows.draft.facts import Sample
from flows.draft.leaks import doubt_leaks
from flows.draft.patterns import CONSTANT, Pattern, find_patterns
from flows.draft.reading import DetectedReading
from flows.draft.splits import guess_split
from mtl_core.arrow import item_type, scalar_type
from mtl_core.errors import DataError, ProblemError, nearest
from mtl_core.features import AnyFeature, ColumnFacts, Feature, Proposal
from mtl_core.names import INTERNAL
from mtl_core.schema import members

FEW = 12
"""Whole numbers with up to that many distinct values may be classes rather than amounts."""
NUMBER = re.compile(r"-?[0-9]*\.?[0-9]+")
INDEX = re.compile(r"(Unnamed: [0-9]+|__index_level_[0-9]+__|index|level_[0-9]+)?", re.IGNORECASE)
"""Names that data frames give to their row labels when they are written."""
YES = ("yes", "y", "true", "t", "1", "positive")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A whole problem as guessed; features and left-out columns by the column's name.

    `patterns`: name -> the features that it declares.
    """

    split: Proposal
    features: Mapping[str, Proposal]
    left_out: Mapping[str, Proposal]
    tasks: Mapping[str, Proposal]
    reading: DetectedReading
    patterns: Mapping[str, Pattern] = field(default_factory=dict)

    @property
    def doubts(self) -> dict[str, str]:
        """Doubts by what they are about: an option of `data`, `split`, or a column."""
        guesses = {"split": self.split, **self.features, **self.tasks, **self.left_out}
        return dict(self.reading.doubts) | {name: guess.doubt for name, guess in guesses.items() if guess.doubt}


def guess_problem(seen: Sample, targets: Sequence[str]) -> Draft:
    """Raises ProblemError for a target that is no column, DataError where nothing can be guessed."""
    for target in targets:
        if target not in seen.facts:
            header = any(NUMBER.fullmatch(name) for name in seen.facts)
            hint = "; the first line must have the column names; is it missing?" if header else ""
            raise ProblemError(
                f"--tasks: {target!r} is not a column of the data; {nearest(target, list(seen.facts))}{hint}"
            )
    guesses = {
        name: _doubted(_feature(facts), seen.doubts.get(name, ""))
        for name, facts in seen.facts.items()
        if name not in targets
    }
    split = guess_split(seen, guesses)
    for name, note in _split_columns(split).items():
        if name in guesses and guesses[name].options:
            guesses[name] = Proposal(note=note)
    if not any(guess.options for guess in guesses.values()):
        why = "".join(f"\n  {name}: {guess.note}" for name, guess in guesses.items())
        raise DataError(f"no column can be used as a feature: {why or 'every column is a task'}")
    tasks = {target: _target(seen, target) for target in targets}
    guesses = doubt_leaks(seen, guesses, targets)
    features = {name: guess for name, guess in guesses.items() if guess.options}
    left_out = {name: guess for name, guess in guesses.items() if not guess.options}
    numbers = [name for name, facts in seen.facts.items() if facts.is_number or facts.is_boolean]
    own = {split.options["column"], split.options.get("key"), ""}
    patterns = find_patterns(
        {name: guess for name, guess in features.items() if name not in own},
        {name: guess for name, guess in left_out.items() if name not in own},
        numbers,
    )
    matched = {name for pattern in patterns.values() for name in pattern.columns}
    return Draft(
        split=split,
        features={name: guess for name, guess in guesses.items() if name in features or name in matched},
        left_out={name: guess for name, guess in left_out.items() if name not in matched},
        reading=seen.reading,
        tasks=tasks,
        patterns=patterns,
    )


def _split_columns(split: Proposal) -> dict[str, str]:
    """Columns of the split that are no feature, and why. A time is one, since hours and weekdays come again."""
    by, column = split.options["by"], split.options["column"]
    if by == "time":
        return {}
    found = {
        column: "defines the split"
        if by == "column"
        else "the key of the split; its values do not occur in the other splits"
    }
    return found | ({split.options["key"]: "the key of the split"} if "key" in split.options else {})


def _target(seen: Sample, name: str) -> Proposal:
    doubt = seen.doubts.get(name, "")
    try:
        return _doubted(_task(seen.facts[name]), doubt)
    except DataError as error:
        raise DataError(f"{error}\n  {name}: {doubt}" if doubt else str(error)) from None


def _doubted(guess: Proposal, doubt: str) -> Proposal:
    return replace(guess, doubt="; ".join(filter(None, (guess.doubt, doubt))))


def _feature(facts: ColumnFacts) -> Proposal:
    """The first proposal of a kind of feature; else why the column is left out."""
    many = f"{facts.distinct:,} distinct values in {facts.non_null:,} rows"
    whole = facts.is_number and facts.whole and facts.distinct == facts.non_null > 0
    if whole and INDEX.fullmatch(facts.name):
        return Proposal(note=many, doubt="looks like the index of a data frame; not used as a feature")
    if not _can_be_declared(facts.name):
        return Proposal(note="its name is empty or reserved; rename it to use it")
    if facts.non_null == 0:
        return Proposal(note="no values")
    if facts.distinct == 1 and facts.non_null == facts.rows:
        return Proposal(note=CONSTANT)
    if whole and (facts.sequence or facts.named_id):
        return Proposal(note=f"{many}: an id")
    for kind in members(AnyFeature):
        assert issubclass(kind, Feature)
        if (proposal := kind.propose(facts)) is not None:
            return proposal
    if facts.is_text:
        return Proposal(note=f"{many}: an id, or free text")
    if facts.is_number:
        return Proposal(note=f"{many}, named like an id")
    return Proposal(note=f"type {facts.type} is not supported by any kind of feature")


def _can_be_declared(name: str) -> bool:
    return bool(name) and not name.startswith(INTERNAL)


def _task(facts: ColumnFacts) -> Proposal:
    values = sorted(str(value) for value, _ in facts.common)
    nulls = facts.rows - facts.non_null
    note = f"{nulls / facts.rows:.1%} of the rows are unlabelled; they still train the other tasks" if nulls else ""
    if scalar_type(facts.type) is None:
        by_hand = "for a list of labels, declare a task of kind multilabel by hand"
        fix = by_hand if item_type(facts.type) else "extract the values you need into separate columns"
        raise DataError(f"--tasks: {facts.name!r} must be text, a number or a boolean, found {facts.type}; {fix}")
    if facts.distinct < 2:
        raise DataError(f"--tasks: {facts.name!r} must have at least two values, found {values or 'none'}")
    if facts.is_flag:
        return Proposal(options={"kind": "binary"}, note=note)
    if facts.is_text:
        return _text_task(facts, note)
    if facts.whole and facts.distinct <= FEW:
        doubt = f"{facts.distinct} whole numbers; use regression if they are amounts"
        return Proposal(options={"kind": "multiclass"}, note=note, doubt=doubt)
    return Proposal(options={"kind": "regression"}, note=note)


def _text_task(facts: ColumnFacts, note: str) -> Proposal:
    if facts.distinct == 2:
        names = [str(value) for value, _ in facts.common]
        yes = next((name for name in names if name.strip().lower() in YES), names[-1])
        doubt = (
            ""
            if yes.strip().lower() in YES
            else f"which of {names[0]!r} and {names[1]!r} is the positive class? the rarer one was chosen"
        )
        return Proposal(options={"kind": "binary", "positive": yes}, note=note, doubt=doubt)
    if facts.distinct > facts.non_null / 2:
        raise DataError(
            f"--tasks: {facts.name!r} must have classes that repeat, found {facts.distinct:,} distinct texts in "
            f"{facts.non_null:,} rows; is it an id, or free text?"
        )
    doubt = f"{facts.distinct} classes; is that intended?" if facts.distinct > 50 else ""
    return Proposal(options={"kind": "multiclass"}, note=note, doubt=doubt)
