"""Proposals of `mtl init`: the columns for which a kind proposes itself, and with which note or warning."""

from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mtl_core.arrow import is_text
from mtl_core.features import ColumnFacts
from mtl_core.features.base import Feature
from mtl_core.features.datetime import Datetime
from mtl_core.features.multicategorical import Multicategorical
from mtl_core.features.text import TextFeature
from mtl_core.features.vector import MAX_PROPOSED, Vector

STRINGS, NUMBERS = pa.list_(pa.string()), pa.list_(pa.float64())
Case = tuple[type[Feature], pa.Array, dict[str, Any] | None, str, str]
"""Kind, values, the proposed options (None: no proposal), a part of the note, a part of the warning."""


def facts(values: pa.Array) -> ColumnFacts:
    """Facts of a column of text or lists."""
    scalars = values.drop_null().to_pylist() if is_text(values.type) else []
    return ColumnFacts(
        name="f",
        type=values.type,
        rows=len(values),
        distinct=len(set(scalars)),
        common=tuple(Counter(scalars).most_common(20)),
        whole=False,
        sequence=False,
        values=values.drop_null(),
    )


DAYS = [date(2013, 1, 1) + timedelta(row) for row in range(50)]
TIMES = [datetime(2013, 1, 1) + timedelta(hours=row) for row in range(50)]
TEXTS = [day.isoformat() for day in DAYS]
DATETIME: dict[str, Any] = {"kind": "datetime"}
DATETIMES: dict[str, Case] = {
    "dates": (Datetime, pa.array(DAYS), DATETIME, "", ""),
    "timestamps": (Datetime, pa.array(TIMES), DATETIME, "", ""),
    "a zone": (
        Datetime,
        pa.array(TIMES, pa.timestamp("us", "Europe/Berlin")),
        DATETIME | {"timezone": "Europe/Berlin"},
        "",
        "",
    ),
    "an offset": (Datetime, pa.array(TIMES, pa.timestamp("us", "+05:30")), DATETIME, "", "zone +05:30 is no IANA name"),
    "text": (Datetime, pa.array([*TEXTS, "", None] * 20), DATETIME, "", ""),
    "text with an offset": (Datetime, pa.array([f"{time.isoformat()}Z" for time in TIMES]), DATETIME, "", "in UTC"),
    "few invalid texts": (Datetime, pa.array([*TEXTS * 20, "soon"]), DATETIME, "", ""),
    "empty text": (Datetime, pa.array(["", ""]), None, "", ""),
    "too many invalid texts": (Datetime, pa.array([*TEXTS, "soon"]), None, "", ""),
    "digits": (Datetime, pa.array([f"{day:%Y%m%d}" for day in DAYS]), None, "", ""),
    "numbers": (Datetime, pa.array(np.arange(50)), None, "", ""),
}

LISTS: dict[str, Case] = {
    "lists": (Multicategorical, pa.array([["a"], [], ["b", "a"]] * 5), {"kind": "multicategorical"}, "", ""),
    "an item nine times": (Multicategorical, pa.array([["a"], [None], [""]] * 9, STRINGS), {}, "do not repeat", ""),
    "distinct items": (Multicategorical, pa.array([[f"{row}"] for row in range(99)]), {}, "do not repeat", ""),
    "lists of numbers": (Multicategorical, pa.array([[1, 2]] * 9), None, "", ""),
    "whole numbers": (Multicategorical, pa.array([1, 2]), None, "", ""),
    "booleans": (Multicategorical, pa.array([True]), None, "", ""),
    "nulls": (Multicategorical, pa.nulls(3), None, "", ""),
}

GENRES = ["Action", "Comedy", "Drama", "Horror", "Sci-Fi", "Thriller", "Western"]
TOWNS = ["Aachen, Germany", "Lyon, France", "Springfield, IL, USA"]


def joined(words: list[str], separator: str, *, ordered: bool = True) -> pa.Array:
    """Texts of one to four random words."""
    generator = np.random.default_rng(0)
    rows = [generator.choice(words, generator.integers(1, 5), replace=False).tolist() for _ in range(300)]
    return pa.array([separator.join(sorted(row) if ordered else row) for row in rows])


def numbered(template: str, rows: int) -> list[str]:
    """Texts that differ in a number."""
    return [template.format(row) for row in range(rows)]


SEPARATED: dict[str, tuple[pa.Array, str]] = {
    "genres": (joined(GENRES, "|"), "|"),
    "genres with commas": (joined(GENRES, ", "), ","),
    "in no order": (joined(GENRES, ";", ordered=False), ";"),
    "commas within items": (joined(["Rock, hard", "Jazz, free", "Folk", "Pop"], "|"), "|"),
}
NOT_SEPARATED: dict[str, pa.Array] = {
    "towns": pa.array(np.random.default_rng(0).choice(TOWNS, 300)),
    "addresses": pa.array([f"{number} Main St, Town {number % 7}" for number in range(300)]),
    "names": pa.array([f"Smith, J{number}" for number in range(300)]),
    "records": pa.array(["Smith, Ann", "Smith, Bob", "Jones, Ann"] * 100),
    "amounts": pa.array(["1,234", "12,500", "1,250,000"] * 100),
    "sentences": pa.array([f"It was {number}, and then, in {number}, we left" for number in range(300)]),
    "long items": joined(["x" * 41, "y" * 41, "z" * 41, "w" * 41], "|"),
    "no separator": pa.array(["red", "green", "blue"] * 100),
    "few texts with a separator": pa.array([*["red"] * 200, *["red|green"] * 99]),
    "blank": pa.array(["", " "] * 100),
}
SEPARATED_CASES: dict[str, Case] = {
    name: (Multicategorical, values, {"kind": "multicategorical", "separator": separator}, "", "read as lists")
    for name, (values, separator) in SEPARATED.items()
} | {name: (Multicategorical, values, None, "", "") for name, values in NOT_SEPARATED.items()}


def wide(size: int) -> pa.Array:
    return pa.array(np.arange(2 * size).reshape(2, size).tolist(), pa.list_(pa.float32()))


VECTOR = {"kind": "vector"}
VECTORS: dict[str, Case] = {
    "vectors": (Vector, pa.array([[1.5, 2.0], None, [3.0, None]]), VECTOR, "", ""),
    "of fixed size": (Vector, pa.array([[1, 2], [3, 4]], pa.list_(pa.int64(), 2)), VECTOR, "", ""),
    "of whole numbers": (Vector, pa.array([[1, 2], [3, 4]]), VECTOR, "", "whole numbers"),
    "of maximum size": (Vector, wide(MAX_PROPOSED), VECTOR, "", ""),
    "several lengths": (Vector, pa.array([[1.5], [2.0, 3.0]]), {}, "several lengths", ""),
    "another length late": (Vector, pa.array([[1.5]] * 2_000 + [[1.5, 2.0]]), {}, "several lengths", ""),
    "empty lists": (Vector, pa.array([[], []], NUMBERS), {}, "the same numbers", ""),
    "constant": (Vector, pa.array([[1, None]] * 9), {}, "the same numbers", ""),
    "no number": (Vector, pa.array([[None, np.nan], [np.inf, None]], NUMBERS), {}, "no finite number", ""),
    "too wide": (Vector, wide(MAX_PROPOSED + 1), {}, "lists of 4,097 numbers", ""),
    "lists of text": (Vector, pa.array([["a"]]), None, "", ""),
    "floats": (Vector, pa.array([1.0]), None, "", ""),
    "null lists": (Vector, pa.nulls(2, NUMBERS), None, "", ""),
}

TEXT: dict[str, Any] = {"kind": "text"}
FREE_TEXTS: dict[str, pa.Array] = {
    "requests": pa.array([f"play some {word} by artist {row}, please" for row, word in enumerate(GENRES * 20)]),
    "with nulls and blanks": pa.array([None, "", " ", *numbered("The room {} was clean and very quiet.", 99)]),
    "with a placeholder": pa.array([*["no comment"] * 90, *numbered("It broke on day {} of the first month", 110)]),
    "without blanks between words": pa.array(
        numbered("\u660e\u5929\u5317\u4eac\u7684\u5929\u6c14\u600e\u4e48\u6837{}", 99)
    ),
    "marks within words": pa.array(
        numbered(
            "\u092e\u0941\u091d\u0947 \u0915\u0932 \u0915\u0947 \u0932\u093f\u090f \u091f\u093f\u0915\u091f {}", 99
        )
    ),
    "few rows": pa.array(["add this song to my list", "what is the weather in Rome", "add it to the list please"]),
}
NO_FREE_TEXTS: dict[str, pa.Array] = {
    "names": pa.array([f"Smith, Mr. John {chr(97 + row % 26)}abc" for row in range(300)]),
    "addresses": NOT_SEPARATED["addresses"],
    "answers that repeat": pa.array([f"I agree with answer {'abcde'[row % 5] * 3} of them" for row in range(300)]),
    "hexadecimal codes": pa.array([" ".join(f"{row * factor:08x}" for factor in range(1, 9)) for row in range(300)]),
    "words that never repeat": pa.array([" ".join(letter * row for letter in "abcdefgh") for row in range(2, 42)]),
    "times": pa.array([f"Mon Jan {1 + row % 28:02} {row % 24:02}:00:00 UTC {1700 + row}" for row in range(300)]),
    "paths": pa.array(numbered("/home/some user/{}/of/a/very/long/path", 300)),
    "blank": NOT_SEPARATED["blank"],
    "numbers": pa.array([1.5, 2.5]),
}
TEXT_CASES: dict[str, Case] = {
    name: (TextFeature, values, TEXT, "sentences of about", "") for name, values in FREE_TEXTS.items()
} | {f"no text: {name}": (TextFeature, values, None, "", "") for name, values in NO_FREE_TEXTS.items()}
CASES = DATETIMES | LISTS | SEPARATED_CASES | VECTORS | TEXT_CASES


@pytest.mark.parametrize(("kind", "values", "options", "note", "warning"), CASES.values(), ids=CASES)
def test_proposals(
    kind: type[Feature], values: pa.Array, options: dict[str, Any] | None, note: str, warning: str
) -> None:
    proposal = kind.propose(facts(values))
    if options is None:
        assert proposal is None
        return
    assert proposal is not None
    assert proposal.options == options
    for text, part in ((proposal.note, note), (proposal.warning, warning)):
        assert part in text
        assert bool(part) == bool(text)
