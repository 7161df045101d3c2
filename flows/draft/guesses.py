"""Guesses from facts: which columns are features, which kind the tasks are, how to split. Doubts are said."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import pyarrow as pa

from flows.draft.facts import Sample
from flows.draft.reading import DetectedReading
from mtl_core import arrow_compute as pc
from mtl_core.arrow import bounded_timestamps, item_type, scalar_type
from mtl_core.errors import DataError, ProblemError, nearest
from mtl_core.features import AnyFeature, ColumnFacts, Feature, Proposal
from mtl_core.features.zones import is_zone
from mtl_core.names import INTERNAL
from mtl_core.schema import members

__all__ = ["Draft", "guess_problem"]

FEW = 12
"""Whole numbers with up to that many distinct values may be classes rather than amounts."""
SPLIT_KEYS = 30
"""A hash of fewer distinct keys than that may leave a split empty."""
NUMBER = re.compile(r"-?[0-9]*\.?[0-9]+")
INDEX = re.compile(r"(Unnamed: [0-9]+|__index_level_[0-9]+__|index|level_[0-9]+)?", re.IGNORECASE)
"""Names that data frames give to their row labels when they are written."""
WHEN = re.compile(r"time|date|day|created|at$|when|stamp", re.IGNORECASE)
NOT_WHEN = re.compile(r"birth|dob|expir|due", re.IGNORECASE)
YES = ("yes", "y", "true", "t", "1", "positive")
PARTS = {"train": ("train", "training"), "validation": ("validation", "valid", "val", "dev"), "test": ("test",)}


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A whole problem as guessed; features and left-out columns by the column's name."""

    split: Proposal
    features: Mapping[str, Proposal]
    left_out: Mapping[str, Proposal]
    tasks: Mapping[str, Proposal]
    reading: DetectedReading

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
            hint = "; the first line must hold the columns' names: is it missing?" if header else ""
            raise ProblemError(
                f"--tasks: {target!r} is not a column of the data; {nearest(target, list(seen.facts))}{hint}"
            )
    split = _split(seen, targets)
    guesses = {
        name: _doubted(_feature(facts), seen.doubts.get(name, ""))
        for name, facts in seen.facts.items()
        if name not in targets
    }
    if split.options["by"] == "column":
        guesses[split.options["column"]] = Proposal(note="says the split")
    features = {name: guess for name, guess in guesses.items() if guess.options}
    if not features:
        why = "".join(f"\n  {name}: {guess.note}" for name, guess in guesses.items())
        raise DataError(f"no column is left to learn from: {why or 'every column is a task'}")
    return Draft(
        split=split,
        features=features,
        left_out={name: guess for name, guess in guesses.items() if not guess.options},
        reading=seen.reading,
        tasks={target: _doubted(_task(seen.facts[target]), seen.doubts.get(target, "")) for target in targets},
    )


def _doubted(guess: Proposal, doubt: str) -> Proposal:
    return replace(guess, doubt="; ".join(filter(None, (guess.doubt, doubt))))


def _feature(facts: ColumnFacts) -> Proposal:
    """The first proposal of a kind of feature; else why the column is left out."""
    many = f"{facts.distinct:,} distinct values in {facts.known:,} rows"
    whole = facts.is_number and facts.whole and facts.distinct == facts.known > 0
    if whole and INDEX.fullmatch(facts.name):
        return Proposal(note=many, doubt="the row labels of a data frame, taken for no feature")
    if not _can_be_declared(facts.name):
        return Proposal(note="its name is empty, or begins like Trunkline's own ones; rename it to use it")
    if facts.known == 0:
        return Proposal(note="no value at all")
    if facts.distinct == 1 and facts.known == facts.rows:
        return Proposal(note="the same value in every row")
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
    return Proposal(note=f"of type {facts.type}, which no kind of feature takes")


def _can_be_declared(name: str) -> bool:
    return bool(name) and not name.startswith(INTERNAL)


def _task(facts: ColumnFacts) -> Proposal:
    values = sorted(str(value) for value, _ in facts.common)
    holes = facts.rows - facts.known
    note = f"{holes / facts.rows:.1%} of the rows are unlabelled; they still train the other tasks" if holes else ""
    if scalar_type(facts.type) is None:
        by_hand = "declare a task of kind multilabel by hand, for another one"
        fix = by_hand if item_type(facts.type) else "write what matters of it into a column of its own"
        raise DataError(f"--tasks: {facts.name!r} must be text, a number or a boolean, found {facts.type}; {fix}")
    if facts.distinct < 2:
        raise DataError(f"--tasks: {facts.name!r} must have two values or more to be learned, found {values or 'none'}")
    if facts.is_boolean or (facts.is_number and {value for value, _ in facts.common} == {0, 1}):
        return Proposal(options={"kind": "binary"}, note=note)
    if facts.is_text:
        return _text_task(facts, note)
    if facts.whole and facts.distinct <= FEW:
        doubt = f"{facts.distinct} whole numbers; regression if they are amounts"
        return Proposal(options={"kind": "multiclass"}, note=note, doubt=doubt)
    return Proposal(options={"kind": "regression"}, note=note)


def _text_task(facts: ColumnFacts, note: str) -> Proposal:
    if facts.distinct == 2:
        names = [str(value) for value, _ in facts.common]
        yes = next((name for name in names if name.strip().lower() in YES), names[-1])
        doubt = (
            ""
            if yes.strip().lower() in YES
            else f"which of {names[0]!r} and {names[1]!r} is yes? the rarer one was taken"
        )
        return Proposal(options={"kind": "binary", "positive": yes}, note=note, doubt=doubt)
    if facts.distinct > facts.known / 2:
        raise DataError(
            f"--tasks: {facts.name!r} must have classes that repeat, found {facts.distinct:,} distinct texts in "
            f"{facts.known:,} rows; is it an id, or free text?"
        )
    doubt = f"{facts.distinct} classes; are they all meant?" if facts.distinct > 50 else ""
    return Proposal(options={"kind": "multiclass"}, note=note, doubt=doubt)


def _split(seen: Sample, targets: Sequence[str]) -> Proposal:
    known = [
        facts
        for name, facts in seen.facts.items()
        if name not in targets and facts.known == facts.rows and _can_be_declared(name)
    ]
    for facts in known:
        if names := _split_names(facts):
            return Proposal(options={"by": "column", "column": facts.name, **names})
    times = sorted((f for f in known if f.is_temporal and f.distinct >= SPLIT_KEYS), key=_not_a_time)
    if times and (borders := _borders(seen.table[times[0].name].combine_chunks())):
        if not seen.complete:
            doubt = f"the borders are 80% and 90% of the first {seen.table.num_rows:,} rows only; move them"
        else:
            doubt = "is this when the row happened? the last tenth tests, the tenth before it validates"
        return Proposal(options={"by": "time", "column": times[0].name, **borders}, doubt=doubt)
    keys = [facts for facts in known if not facts.is_temporal and facts.distinct >= SPLIT_KEYS]
    if not keys:
        raise DataError(
            f"no column to split by: it must have no holes and at least {SPLIT_KEYS} distinct values; "
            "add a column with a time, an id, or the words train, validation, test"
        )
    key = max(keys, key=lambda facts: (facts.named_id, facts.is_text or facts.whole, facts.distinct))
    doubt = "rows with the same value stay in one split; better a time, or what identifies a person or thing"
    return Proposal(options={"by": "hash", "column": key.name, "validation": 0.1, "test": 0.1}, doubt=doubt)


def _not_a_time(facts: ColumnFacts) -> tuple[bool, bool]:
    return bool(NOT_WHEN.search(facts.name)), not WHEN.search(facts.name)


def _split_names(facts: ColumnFacts) -> dict[str, str]:
    """How a column calls validation and test, if its values are the names of splits."""
    if not facts.is_text or not 3 <= facts.distinct <= 4:
        return {}
    found = {part: v for v, _ in facts.common for part, names in PARTS.items() if str(v).strip().lower() in names}
    return {"validation": found["validation"], "test": found["test"]} if len(found) == len(PARTS) else {}


def _borders(values: pa.Array) -> dict[str, str] | None:
    """Beginnings of the last fifth and the last tenth of the rows; on a whole day where every split then has rows.

    None where a border is at an end of the calendar, which stands for a missing date.
    """
    zone, values = getattr(values.type, "tz", None), bounded_timestamps(values)
    if zone and is_zone(zone):
        values = pc.cast(values, pa.timestamp(values.type.unit, zone))
    ordered = values.take(pc.sort_indices(values))
    first, *at = (ordered[len(ordered) * share // 10] for share in (0, 8, 9))
    if not all(1 < pc.year(value).as_py() < 9999 for value in at):
        return None
    days = [pc.floor_temporal(value, unit="day") for value in at] if not pa.types.is_date(values.type) else at
    chosen = days if _ascend(first, *days) else at
    if not _ascend(first, *chosen):
        return None
    short = chosen is days and zone is None
    texts = [value.as_py().isoformat()[:10] if short else value.as_py().isoformat() for value in chosen]
    return {"validation": texts[0], "test": texts[1]}


def _ascend(*moments: pa.Scalar) -> bool:
    return all(pc.less(*pair).as_py() for pair in pairwise(moments))
