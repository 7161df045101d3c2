"""Guesses from facts: which columns are features, which kind the tasks are, how to split. Doubts are said."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.draft.facts import Facts, Sample
from mtl_core.errors import DataError, ProblemError, nearest

__all__ = ["Draft", "Guess", "guess_problem"]

FEW = 12
"""Whole numbers with up to that many distinct values may be codes rather than amounts."""
SEEN = 10
"""A category must occur so often to be worth an embedding of its own: min_count is 5, and the split takes its share."""
SPLIT_KEYS = 30
"""A hash of fewer distinct keys than that may leave a split empty."""
ID = re.compile(r"(^|[_ .-])(id|ids|key|uuid|guid|code|no|nr|number|zip|zipcode|postcode)$|[a-z]I[dD]$", re.IGNORECASE)
WHEN = re.compile(r"time|date|day|created|at$|when|stamp", re.IGNORECASE)
NOT_WHEN = re.compile(r"birth|dob|expir|due", re.IGNORECASE)
YES = ("yes", "y", "true", "t", "1", "positive")
PARTS = {"train": ("train", "training"), "validation": ("validation", "valid", "val", "dev"), "test": ("test",)}


@dataclass(frozen=True, kw_only=True)
class Guess:
    """Options of one feature, task or split; no options for a column that is left out. `doubt` asks, `note` tells."""

    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    doubt: str = ""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A whole problem as guessed; features and left-out columns by the column's name."""

    split: Guess
    features: Mapping[str, Guess]
    left_out: Mapping[str, Guess]
    tasks: Mapping[str, Guess]


def guess_problem(seen: Sample, targets: Sequence[str]) -> Draft:
    """Raises ProblemError for a target that is no column, DataError where nothing can be guessed."""
    for target in targets:
        if target not in seen.facts:
            raise ProblemError(f"--tasks: {target!r} is not a column of the data; {nearest(target, list(seen.facts))}")
    split = _split(seen, targets)
    guesses = {name: _feature(facts) for name, facts in seen.facts.items() if name not in targets}
    if split.options["by"] == "column":
        guesses[split.options["column"]] = Guess(note="says the split")
    features = {name: guess for name, guess in guesses.items() if guess.options}
    if not features:
        raise DataError(f"no column is left to learn from: {', '.join(guesses) or 'every column is a task'}")
    return Draft(
        split=split,
        features=features,
        left_out={name: guess for name, guess in guesses.items() if not guess.options},
        tasks={target: _task(seen.facts[target]) for target in targets},
    )


def _feature(facts: Facts) -> Guess:
    numeric, categorical = {"kind": "numeric"}, {"kind": "categorical"}
    many = f"{facts.distinct:,} distinct values in {facts.known:,} rows"
    often = facts.common[0][1] if facts.common else 0
    named_id = bool(ID.search(facts.name))
    if facts.known == 0:
        return Guess(note="no value at all")
    if facts.distinct == 1 and facts.known == facts.rows:
        return Guess(note="the same value in every row")
    if facts.is_temporal:
        return Guess(note="a time: write what matters of it (hour, weekday, age) into columns of its own")
    if facts.is_boolean:
        return Guess(options=categorical)
    if facts.is_text:
        if often < SEEN or facts.distinct > facts.known / 2:
            return Guess(note=f"{many}: an id, or free text")
        return Guess(options=categorical)
    if not facts.is_number:
        return Guess(note=f"of type {facts.type}, which no kind of feature takes")
    if not facts.whole:
        return Guess(options=numeric)
    if facts.distinct == facts.known and (facts.sequence or named_id):
        return Guess(note=f"{many}: an id")
    if named_id:
        if often < SEEN:
            return Guess(note=f"{many}, named like an id")
        return Guess(
            options=categorical, doubt="named like an id, so each value stands for itself; numeric if its size matters"
        )
    if facts.distinct == 2 and often >= SEEN:
        return Guess(options=categorical)
    if facts.distinct <= FEW and often >= SEEN:
        return Guess(options=categorical, doubt=f"{facts.distinct} whole numbers; numeric if their order matters")
    return Guess(options=numeric)


def _task(facts: Facts) -> Guess:
    values = sorted(str(value) for value, _ in facts.common)
    holes = facts.rows - facts.known
    note = f"{holes / facts.rows:.1%} of the rows are unlabelled; they still train the other tasks" if holes else ""
    if facts.distinct < 2:
        raise DataError(f"--tasks: {facts.name!r} must have two values or more to be learned, found {values or 'none'}")
    if facts.is_boolean or (facts.is_number and {value for value, _ in facts.common} == {0, 1}):
        return Guess(options={"kind": "binary"}, note=note)
    if facts.is_text:
        return _text_task(facts, note)
    if not facts.is_number:
        raise DataError(f"--tasks: {facts.name!r} must be text, a number or a boolean, found {facts.type}")
    if facts.whole and facts.distinct <= FEW:
        doubt = f"{facts.distinct} whole numbers; regression if they are amounts"
        return Guess(options={"kind": "multiclass"}, note=note, doubt=doubt)
    return Guess(options={"kind": "regression"}, note=note)


def _text_task(facts: Facts, note: str) -> Guess:
    if facts.distinct == 2:
        names = [str(value) for value, _ in facts.common]
        yes = next((name for name in names if name.strip().lower() in YES), names[-1])
        doubt = (
            ""
            if yes.strip().lower() in YES
            else f"which of {names[0]!r} and {names[1]!r} is yes? the rarer one was taken"
        )
        return Guess(options={"kind": "binary", "positive": yes}, note=note, doubt=doubt)
    if facts.distinct > facts.known / 2:
        raise DataError(
            f"--tasks: {facts.name!r} must have classes that repeat, found {facts.distinct:,} distinct texts in "
            f"{facts.known:,} rows; is it an id, or free text?"
        )
    doubt = f"{facts.distinct} classes; are they all meant?" if facts.distinct > 50 else ""
    return Guess(options={"kind": "multiclass"}, note=note, doubt=doubt)


def _split(seen: Sample, targets: Sequence[str]) -> Guess:
    known = [facts for name, facts in seen.facts.items() if name not in targets and facts.known == facts.rows]
    for facts in known:
        if names := _split_names(facts):
            return Guess(options={"by": "column", "column": facts.name, **names})
    times = sorted((f for f in known if f.is_temporal and f.distinct >= SPLIT_KEYS), key=_not_a_time)
    if times and (borders := _borders(seen.table[times[0].name].combine_chunks())):
        if not seen.complete:
            doubt = f"the borders are 80% and 90% of the first {seen.table.num_rows:,} rows only; move them"
        else:
            doubt = "is this when the row happened? the last tenth tests, the tenth before it validates"
        return Guess(options={"by": "time", "column": times[0].name, **borders}, doubt=doubt)
    keys = [facts for facts in known if not facts.is_temporal and facts.distinct >= SPLIT_KEYS]
    if not keys:
        raise DataError(
            f"no column to split by: it must have no holes and at least {SPLIT_KEYS} distinct values; "
            "add a column with a time, an id, or the words train, validation, test"
        )
    key = max(keys, key=lambda facts: (bool(ID.search(facts.name)), facts.is_text or facts.whole, facts.distinct))
    doubt = "rows with the same value stay in one split; better a time, or what identifies a person or thing"
    return Guess(options={"by": "hash", "column": key.name, "validation": 0.1, "test": 0.1}, doubt=doubt)


def _not_a_time(facts: Facts) -> tuple[bool, bool]:
    return bool(NOT_WHEN.search(facts.name)), not WHEN.search(facts.name)


def _split_names(facts: Facts) -> dict[str, str]:
    """How a column calls validation and test, if its values are the names of splits."""
    if not facts.is_text or not 3 <= facts.distinct <= 4:
        return {}
    found = {part: v for v, _ in facts.common for part, names in PARTS.items() if str(v).strip().lower() in names}
    return {"validation": found["validation"], "test": found["test"]} if len(found) == len(PARTS) else {}


def _borders(values: pa.Array) -> dict[str, str] | None:
    """Where the last fifth and the last tenth of the rows begin; on a whole day where every split then has rows."""
    ordered = values.take(pc.sort_indices(values))
    at = [ordered[len(ordered) * share // 10] for share in (8, 9)]
    days = [pc.floor_temporal(value, unit="day") for value in at] if not pa.types.is_date(values.type) else at
    chosen = days if ordered[0].as_py() < days[0].as_py() < days[1].as_py() else at
    if not ordered[0].as_py() < chosen[0].as_py() < chosen[1].as_py():
        return None
    short = chosen is days and getattr(values.type, "tz", None) is None
    texts = [value.as_py().isoformat()[:10] if short else value.as_py().isoformat() for value in chosen]
    return {"validation": texts[0], "test": texts[1]}
