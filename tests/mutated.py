"""Mutated data files and params.yaml; the same number always gives the same file."""

import csv
import io
import random
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 90
CELLS = (
    *("", " ", "NA", "nan", "inf", "-inf", "1e400", "-0", "1,5", "$3", "0x1F", "007", "9" * 30, "true", "12 km"),
    *("1.234,5", "2024-13-45", "9999-12-31", "0001-01-01", "1970-01-01T00:00:00Z", "1/2/2024", "12:30", "\u00e9"),
    *("\x00", "x" * 5_000, "[red]", "[/]", "label:x", "=1+1", "\U0001f642", "\ufeff", '"', "a\nb", "{}", "<b>"),
    *("&amp;", "%s", "\u202eabc", "\t"),
)
NAMES = (
    *("", " ", "label:x", "trunkline/x", "[km]", 'a"b', "a,b", "a\nb", "ids", "input", " x ", "x" * 300, "churned"),
    *("y", "NULL", "a.b", "a/b", "split", "row", "Unnamed: 0", "\U0001f642", "\u00e9", "logits", "1", "-", "{x}"),
    *("$ref", "a\tb"),
)
SCALARS = (
    *("", "null", "-1", "0", "1e400", "nan", "[]", "{}", "true", "x", '"\u0000"', "2024-01-01", "[[1]]", "&a", "*a"),
    *("!!x", "'"),
)

Table = dict[str, list[str]]


def mutated(number: int) -> tuple[str, bytes, Callable[[str], str]]:
    """Suffix and content of a data file, and a mutation of the params.yaml that is drafted from it."""
    rng = random.Random(number)
    if number % 10 < 6:
        return ".csv", _csv(rng), lambda text: text
    if number % 10 < 8:
        return ".parquet", _parquet(rng), lambda text: text
    return ".csv", _csv_text(rng, _table(rng)).encode(), lambda text: _params(rng, text)


def _table(rng: random.Random) -> Table:
    size = [rng.gauss(5, 2) for _ in range(ROWS)]
    churned = [int(value + rng.gauss(0, 1) > 5) for value in size]
    return {
        "key": [f"k{row}" for row in range(ROWS)],
        "colour": [rng.choice(["red", "green", "blue"]) for _ in range(ROWS)],
        "size": [f"{value:.3f}" for value in size],
        "count": [str(rng.randrange(50)) for _ in range(ROWS)],
        "joined": [str(date(2024, 1, 1) + timedelta(row)) for row in range(ROWS)],
        "member": [rng.choice(["true", "false"]) for _ in range(ROWS)],
        "churned": [str(value) for value in churned],
        "spend": [f"{2 * value + rng.gauss(0, 1):.2f}" for value in size],
    }


def _csv_text(rng: random.Random, table: Table, separator: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator=rng.choice(["\n", "\r\n"])).writerows(
        [list(table), *zip(*table.values(), strict=True)]
    )
    return out.getvalue()


def _csv(rng: random.Random) -> bytes:
    table = _table(rng)
    for _ in range(rng.randrange(1, 4)):
        rng.choice([_mutate_cells, _mutate_cells, _mutate_column, _mutate_name, _drop_rows])(rng, table)
    separator = rng.choice([",", ",", ",", ";", "\t"])
    content = _csv_text(rng, table, separator).encode(rng.choice(["utf-8"] * 6 + ["utf-16", "utf-8-sig"]))
    return rng.choice([_unchanged] * 4 + [_flip_bytes, _truncate, _insert_lines])(rng, content)


def _mutate_cells(rng: random.Random, table: Table) -> None:
    name = rng.choice(list(table))
    for row in rng.sample(range(len(table[name])), min(len(table[name]), rng.choice([1, 3, 30]))):
        table[name][row] = rng.choice(CELLS)


def _mutate_column(rng: random.Random, table: Table) -> None:
    kinds = rng.sample(CELLS, rng.choice([1, 2, 5]))
    name = rng.choice(list(table))
    table[name] = [rng.choice(kinds) for _ in table[name]]


def _mutate_name(rng: random.Random, table: Table) -> None:
    names = list(table)
    names[rng.randrange(len(names))] = rng.choice(NAMES)
    columns = list(table.values())
    table.clear()
    table.update(zip(names, columns, strict=True))


def _drop_rows(rng: random.Random, table: Table) -> None:
    rows = rng.choice([0, 1, 2, 10, 30])
    for name in table:
        table[name] = table[name][:rows]


def _unchanged(_source: random.Random, content: bytes) -> bytes:
    return content


def _flip_bytes(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 5, 50]) if changed else 0):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def _truncate(rng: random.Random, content: bytes) -> bytes:
    start, end = sorted((rng.randrange(len(content) + 1), len(content) if rng.random() < 0.5 else 0))
    return content[start:end]


def _insert_lines(rng: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    for _ in range(3):
        index = rng.randrange(len(lines) + 1)
        lines[index:index] = rng.choice([[b"\n"], [b"a comment\n"], lines[:1], [b'"\n'], [b",,,,\n"], [b"\xff\xfe\n"]])
    return b"".join(lines)


def _parquet(rng: random.Random) -> bytes:
    table = {name: pa.array(cells) for name, cells in _table(rng).items()}
    types = {"size": pa.float64(), "count": pa.int64(), "spend": pa.float64(), "churned": pa.int64()}
    for name, arrow_type in (types | {"joined": pa.date32()}).items():
        table[name] = table[name].cast(arrow_type)
    for _ in range(rng.randrange(1, 3)):
        name = rng.choice(list(table)) if rng.random() < 0.7 else rng.choice(NAMES)
        table[name] = rng.choice(_unusual_arrays(rng))
    out = io.BytesIO()
    pq.write_table(pa.table(table), out)
    return rng.choice([_unchanged] * 5 + [_flip_bytes, _truncate])(rng, out.getvalue())


def _unusual_arrays(rng: random.Random) -> list[pa.Array]:
    numbers = [None if rng.random() < 0.1 else rng.randrange(100) for _ in range(ROWS)]
    whole = pa.array(numbers)
    micros = [None if number is None else number * 86_400_000_000 for number in numbers]
    return [
        *(
            whole.cast(arrow_type)
            for arrow_type in (pa.int8(), pa.uint64(), pa.float32(), pa.float16(), pa.string_view())
        ),
        *(
            pa.array(micros, pa.int64()).cast(arrow_type)
            for arrow_type in (pa.duration("us"), pa.timestamp("us", "Europe/Berlin"))
        ),
        *(pa.nulls(ROWS), pa.nulls(ROWS, pa.float64()), pa.array([True] * ROWS), whole.dictionary_encode()),
        pa.array([2**63 + row for row in range(ROWS)], pa.uint64()),
        pa.array([Decimal(row) / 8 for row in range(ROWS)], pa.decimal128(38, 20)),
        pa.array([b"\xff\x00"] * ROWS),
        pa.array([[row, None] for row in range(ROWS)]),
        pa.array([[["a"]]] * ROWS),
        pa.array([{"a": row} for row in range(ROWS)]),
        pa.array([[("k", row)] for row in range(ROWS)], pa.map_(pa.string(), pa.int64())),
        pa.array([[float("nan"), float(row)] for row in range(ROWS)], pa.list_(pa.float64(), 2)),
        pa.array([float("nan"), float("inf"), float("-inf")] * (ROWS // 3)),
        pa.array([-(2**62), 2**62, 0] * (ROWS // 3)).cast(pa.timestamp("ns")),
        pa.array([-(2**31), 2**31 - 1, 0] * (ROWS // 3), pa.int32()).cast(pa.date32()),
        pa.array(range(ROWS), pa.int32()).cast(pa.time32("s")),
    ]


def _params(rng: random.Random, text: str) -> str:
    lines = text.splitlines()
    for _ in range(rng.randrange(1, 3)):
        index = rng.randrange(len(lines))
        mutation = rng.choice(["drop", "twice", "value", "value", "key", "indent"])
        line = lines[index]
        key, colon, value = line.partition(":")
        if mutation == "drop":
            del lines[index]
        elif mutation == "twice":
            lines.insert(index, line)
        elif mutation == "value" and colon:
            lines[index] = f"{key}: {rng.choice(SCALARS)}"
        elif mutation == "key" and colon:
            lines[index] = f"{key}{rng.choice(['x', ' ', ':', '[', chr(0x1F642)])}:{value}"
        else:
            lines[index] = " " * rng.randrange(4) + line
    return "\n".join(lines) + "\n"
