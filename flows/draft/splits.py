"""The proposed split: by a column that names the splits, by time, by a key, or by whole rows."""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import pyarrow as pa

from flows.draft.doubts import NAMED_TIME
from flows.draft.facts import Sample
from mtl_core import arrow_compute as pc
from mtl_core.arrow import bounded_timestamps
from mtl_core.config import ROW
from mtl_core.data.data_warnings import MIN_ROWS_PER_VALUE
from mtl_core.errors import DataError
from mtl_core.features import ColumnFacts, Proposal
from mtl_core.features.zones import is_zone
from mtl_core.names import INTERNAL

MIN_KEYS = 30
"""A hash of fewer distinct keys may leave a split empty."""
OTHER_TIME = re.compile(r"birth|dob|expir|due", re.IGNORECASE)
PARTS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "holdout"),
}
FLAG = re.compile(r"(is|in)?[_ .-]?(?P<part>train(ing)?|test(ing)?|holdout)([_ .-]?set)?", re.IGNORECASE)
"""Pattern of the names of columns of yes and no that name the split."""
MAX_PARTS = 12
"""Maximum number of values of a column that names the splits."""


def guess_split(seen: Sample, guesses: Mapping[str, Proposal]) -> Proposal:
    """The proposal for a table. `guesses`: the columns that are no targets, with options for the features."""
    known = [
        facts
        for name, facts in seen.facts.items()
        if name in guesses and facts.known == facts.rows and name and not name.startswith(INTERNAL)
    ]
    keys = [facts for facts in known if _is_key(facts, guesses)]
    key = max(keys, key=lambda facts: (_groups(facts), facts.named_id, facts.distinct), default=None)
    for facts in known:
        if (split := _named_parts(facts, key if key is not None and _groups(key) else None)) is not None:
            return split
    times = sorted((f for f in known if f.is_temporal and f.distinct >= MIN_KEYS), key=_not_a_time)
    if times and (boundaries := _boundaries(seen.table[times[0].name].combine_chunks())):
        if not seen.complete:
            doubt = f"the boundaries are 80% and 90% of a sample of {seen.table.num_rows:,} rows; move them if need be"
        else:
            doubt = "is this the time of the row? the last 10% are the test split, the 10% before them validation"
        return Proposal(options={"by": "time", "column": times[0].name, **boundaries}, doubt=doubt)
    others = [facts.name for facts in seen.facts.values() if facts.name in guesses and _is_entity(facts)]
    return _by_hash(seen, key, [name for name in others if key is None or name != key.name])


def _by_hash(seen: Sample, key: ColumnFacts | None, others: Iterable[str]) -> Proposal:
    if key is None and ROW in seen.facts:
        raise DataError(
            f"no column to split by: a time or an id needs a value in every row, and {MIN_KEYS} distinct ones. "
            f"The alternative, a hash of the whole row, is named {ROW!r}, but a column has that name; rename it"
        )
    if key is None:
        doubt = "no time or key column found; rows are split by a hash of all columns except the targets"
    elif _groups(key):
        doubt = f"rows with the same {key.name!r} stay in one split; prefer a time column if there is one"
    else:
        doubt = f"{key.name!r} is different in every row; prefer a time column, or the id of a person or thing"
    if listed := " and ".join(map(repr, others)):
        doubt += f"; {listed} repeats too: does it identify a person or thing?"
    name = ROW if key is None else key.name
    return Proposal(options={"by": "hash", "column": name, "validation": 0.1, "test": 0.1}, doubt=doubt)


def _is_key(facts: ColumnFacts, guesses: Mapping[str, Proposal]) -> bool:
    """True for a column named like an id, and for text and whole numbers that are no feature."""
    if facts.is_temporal or facts.distinct < MIN_KEYS:
        return False
    return facts.named_id or ((facts.is_text or facts.whole) and not guesses[facts.name].options)


def _groups(facts: ColumnFacts) -> bool:
    """True for a key whose values repeat, as those of a person or a thing with several rows."""
    named = facts.named_entity
    return facts.known >= facts.distinct * (MIN_ROWS_PER_VALUE if named else 2) and (named or not facts.named_id)


def _is_entity(facts: ColumnFacts) -> bool:
    return facts.distinct > 1 and facts.named_entity and _groups(facts)


def _not_a_time(facts: ColumnFacts) -> tuple[bool, bool]:
    return bool(OTHER_TIME.search(facts.name)), not NAMED_TIME.search(facts.name)


def _named_parts(facts: ColumnFacts, key: ColumnFacts | None) -> Proposal | None:
    """The split by a column whose values are names of splits, in any spelling; None for any other column."""
    if (flag := FLAG.fullmatch(facts.name)) and facts.is_flag:
        return _by_flag(facts, flag["part"].lower().startswith("train"), key)
    if not facts.is_text or not 2 <= facts.distinct <= MAX_PARTS:
        return None
    found: dict[str, list[str]] = {part: [] for part in (*PARTS, "")}
    for value, _ in facts.common:
        word = str(value).strip().lower()
        found[next((part for part, words in PARTS.items() if word in words), "")].append(str(value))
    if not found["train"] or not (found["validation"] or found["test"]):
        return None
    doubts = [
        f"do {_listed(values)} all mean {part}? if not, assign each to its split"
        for part, values in found.items()
        if part and len(values) > 1
    ]
    options: dict[str, Any] = {"by": "column", "column": facts.name}
    if not set(found["train"]) <= set(PARTS["train"]):
        options["train"] = _one_or_all(found["train"])
    if found["validation"] and found["test"]:
        options["validation"] = _one_or_all(found["validation"])
    else:
        options |= {"validation": 0.1} | _key(key)
        doubts.append(_taken(key))
    options["test"] = _one_or_all(found["test"] or found["validation"])
    if found[""]:
        doubts.append(f"add {_listed(found[''])} to train, validation or test, or `mtl check` refuses such rows")
    return Proposal(options=options, doubt="; ".join(doubts))


def _by_flag(facts: ColumnFacts, trains: bool, key: ColumnFacts | None) -> Proposal:
    """The split by a column that is yes for the rows that train, or for those that test."""
    yes, no = (True, False) if facts.is_boolean else (1, 0)
    train, test = (yes, no) if trains else (no, yes)
    options = {"by": "column", "column": facts.name, "train": train, "validation": 0.1, "test": test}
    return Proposal(options=options | _key(key), doubt=_taken(key))


def _key(key: ColumnFacts | None) -> dict[str, str]:
    return {"key": key.name} if key else {}


def _taken(key: ColumnFacts | None) -> str:
    return f"10% of the training rows are used for validation, by a hash of {key.name if key else 'the row'}"


def _one_or_all(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else sorted(values)


def _listed(values: list[str]) -> str:
    return " and ".join(map(repr, sorted(values)))


def _boundaries(values: pa.Array) -> dict[str, str] | None:
    """Beginnings of the last fifth and the last tenth of the rows; on a whole day where every split then has rows.

    None where a boundary is at an end of the calendar, which stands for a missing date.
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
