"""The proposed split: by a column that names the splits, by time, by a key, or by whole rows."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa

from flows.draft.column_warnings import TIME_NAME
from flows.draft.facts import TableSample
from flows.draft.source import FILE
from mtl_core import arrow_compute as pc
from mtl_core.config import ROW
from mtl_core.data.data_warnings import MIN_ROWS_PER_VALUE
from mtl_core.errors import DataError
from mtl_core.features import ColumnFacts, Proposal
from mtl_core.features.zones import is_zone
from mtl_core.names import INTERNAL
from mtl_core.timestamps import bounded_timestamps

MIN_KEYS = 30
"""A hash of fewer distinct keys may leave a split empty."""
OTHER_TIME_NAME = re.compile(r"birth|dob|expir|due", re.IGNORECASE)
"""Pattern of the names of columns with other times than that of the row."""
SPLIT_NAMES = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "holdout"),
}
_FILE_WORDS = {"devel": "validation", "testa": "validation", "testb": "test"}
"""Words in the names of the files of corpora -> split; `testa` and `testb` are those of CoNLL-2003."""
FLAG_NAME = re.compile(r"(is|in)?[_ .-]?(?P<split>train(ing)?|test(ing)?|holdout)([_ .-]?set)?", re.IGNORECASE)
"""Pattern of the names of boolean columns that select the rows of a split."""
MAX_SPLIT_VALUES = 12
"""Maximum number of distinct values of a column that names the splits."""


def propose_split(sample: TableSample, proposals: Mapping[str, Proposal]) -> Proposal:
    """Propose a split. `proposals`: of the columns that are no targets, with options for the features."""
    complete = [
        facts
        for name, facts in sample.facts.items()
        if name in proposals and facts.non_null == facts.rows and name and not name.startswith(INTERNAL)
    ]
    is_tagged = sample.reading.format is not None
    if is_tagged:  # all other columns are annotations
        complete = [facts for facts in complete if facts.name == FILE]
    keys = [facts for facts in complete if _is_key(facts, proposals)]
    key = max(keys, key=lambda facts: (_repeats(facts), facts.named_id, facts.distinct), default=None)
    for facts in complete:
        repeating = key if key is not None and _repeats(key) else None
        if (split := _by_column(facts, repeating, split_of_file if is_tagged else _split_of)) is not None:
            return split
    times = sorted((f for f in complete if f.is_temporal and f.distinct >= MIN_KEYS), key=_time_rank)
    if times and (boundaries := _boundaries(sample.table[times[0].name].combine_chunks())):
        if sample.complete:
            warning = "is this the time of the row? the last 10% are the test split, the 10% before them validation"
        else:
            rows = f"{sample.table.num_rows:,}"
            warning = f"the boundaries are 80% and 90% of a sample of {rows} rows; adjust them if needed"
        return Proposal(options={"by": "time", "column": times[0].name, **boundaries}, warning=warning)
    named = [facts for facts in sample.facts.values() if facts.name in proposals and facts.named_entity]
    entities = [facts.name for facts in named if facts.distinct > 1 and _repeats(facts)]
    return _by_hash(sample, key, [name for name in entities if key is None or name != key.name])


def _by_hash(sample: TableSample, key: ColumnFacts | None, other_entities: Sequence[str]) -> Proposal:
    if key is None and ROW in sample.facts:
        raise DataError(
            f"no column to split by: a time or an id needs a value in every row, and {MIN_KEYS} distinct ones. "
            f"The alternative, a hash of the whole row, is named {ROW!r}, but a column has that name; rename it"
        )
    if key is None:
        warning = "no time or key column found; rows are split by a hash of all columns except the targets"
    elif _repeats(key):
        warning = f"rows with the same {key.name!r} stay in one split; prefer a time column if there is one"
    else:
        warning = f"{key.name!r} is different in every row; prefer a time column, or the id of a person or thing"
    if other_entities:
        rest = "repeats too: does it" if len(other_entities) == 1 else "repeat too: do they"
        warning += f"; {' and '.join(map(repr, other_entities))} {rest} identify a person or thing?"
    column = ROW if key is None else key.name
    return Proposal(options={"by": "hash", "column": column, "validation": 0.1, "test": 0.1}, warning=warning)


def _is_key(facts: ColumnFacts, proposals: Mapping[str, Proposal]) -> bool:
    """True for a column named like an id, and for text and whole numbers that are no feature."""
    if facts.is_temporal or facts.distinct < MIN_KEYS:
        return False
    return facts.named_id or ((facts.is_text or facts.whole) and not proposals[facts.name].options)


def _repeats(facts: ColumnFacts) -> bool:
    """True for a key whose values repeat, such as the id of a person or thing with several rows."""
    entity = facts.named_entity
    return facts.non_null >= facts.distinct * (MIN_ROWS_PER_VALUE if entity else 2) and (entity or not facts.named_id)


def _time_rank(facts: ColumnFacts) -> tuple[bool, bool]:
    return bool(OTHER_TIME_NAME.search(facts.name)), not TIME_NAME.search(facts.name)


def split_of_file(name: str) -> str:
    """The split that a word of a file's name means; "" if none does, or several do.

    >>> split_of_file("eng.testa"), split_of_file("wnut17train.conll"), split_of_file("train_dev.tsv")
    ('validation', 'train', '')
    """
    words = re.findall("[a-z]+", name.lower())
    splits = {_FILE_WORDS.get(word) or _split_of(word) for word in words} - {""}
    return splits.pop() if len(splits) == 1 else ""


def _split_of(name: str) -> str:
    """The split of which this is a name, in any spelling; "" for any other word."""
    word = name.strip().lower()
    return next((split for split, names in SPLIT_NAMES.items() if word in names), "")


def _by_column(facts: ColumnFacts, key: ColumnFacts | None, split_of: Callable[[str], str]) -> Proposal | None:
    """The split by a column whose values are names of splits; None for any other column."""
    if (flag := FLAG_NAME.fullmatch(facts.name)) and facts.is_flag:
        return _by_flag(facts, selects_train=flag["split"].lower().startswith("train"), key=key)
    if not facts.is_text or not 2 <= facts.distinct <= MAX_SPLIT_VALUES:
        return None
    values: dict[str, list[str]] = {split: [] for split in (*SPLIT_NAMES, "")}
    for value, _ in facts.common:
        values[split_of(str(value))].append(str(value))
    if not values["train"] or not (values["validation"] or values["test"]):
        return None
    warnings = [
        f"do {_join(values[split])} all mean {split}? if not, assign each to its split"
        for split in SPLIT_NAMES
        if len(values[split]) > 1
    ]
    options: dict[str, Any] = {"by": "column", "column": facts.name}
    if not set(values["train"]) <= set(SPLIT_NAMES["train"]):
        options["train"] = _value_or_list(values["train"])
    if values["validation"] and values["test"]:
        options["validation"] = _value_or_list(values["validation"])
    else:
        options |= _hashed_validation(key)
        warnings.append(_hashed_validation_warning(key))
    options["test"] = _value_or_list(values["test"] or values["validation"])
    if values[""]:
        warnings.append(f"add {_join(values[''])} to train, validation or test, or `mtl check` refuses such rows")
    return Proposal(options=options, warning="; ".join(warnings))


def _by_flag(facts: ColumnFacts, *, selects_train: bool, key: ColumnFacts | None) -> Proposal:
    true, false = (True, False) if facts.is_boolean else (1, 0)
    train, test = (true, false) if selects_train else (false, true)
    options = {"by": "column", "column": facts.name, "train": train, **_hashed_validation(key), "test": test}
    return Proposal(options=options, warning=_hashed_validation_warning(key))


def _hashed_validation(key: ColumnFacts | None) -> dict[str, Any]:
    return {"validation": 0.1} | ({"key": key.name} if key else {})


def _hashed_validation_warning(key: ColumnFacts | None) -> str:
    return f"10% of the training rows are used for validation, by a hash of {key.name if key else 'the row'}"


def _value_or_list(values: list[str]) -> str | list[str]:
    return values[0] if len(values) == 1 else sorted(values)


def _join(values: list[str]) -> str:
    return " and ".join(map(repr, sorted(values)))


def _boundaries(times: pa.Array) -> dict[str, str] | None:
    """Start of the last fifth and of the last tenth of the rows; at midnight if every split then has rows.

    None if a boundary is at an end of the calendar, which stands for a missing date.
    """
    zone, times = getattr(times.type, "tz", None), bounded_timestamps(times)
    if zone and is_zone(zone):
        times = pc.cast(times, pa.timestamp(times.type.unit, zone))
    ordered = times.take(pc.sort_indices(times))
    first, *exact = (ordered[len(ordered) * tenths // 10] for tenths in (0, 8, 9))
    if not all(1 < pc.year(time).as_py() < 9999 for time in exact):
        return None
    days = [pc.floor_temporal(time, unit="day") for time in exact] if not pa.types.is_date(times.type) else exact
    boundaries = days if _ascend(first, *days) else exact
    if not _ascend(first, *boundaries):
        return None
    date_only = boundaries is days and zone is None
    validation, test = (boundary.as_py().isoformat() for boundary in boundaries)
    return {"validation": validation[:10], "test": test[:10]} if date_only else {"validation": validation, "test": test}


def _ascend(*times: pa.Scalar) -> bool:
    return all(pc.less(*pair).as_py() for pair in pairwise(times))
