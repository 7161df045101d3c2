"""Mutated data files and params.yaml, and the walk of each through the commands, for what must end in an error of ours.

The same number always gives the same file.
"""

import contextlib
import csv
import io
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 90
CELLS = (
    *(
        "",
        " ",
        "NA",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "-0",
        "1,5",
        "$3",
        "0x1F",
        "007",
        "9" * 30,
        "true",
        "12 km",
        "1.234,5",
    ),
    *(
        "2024-13-45",
        "9999-12-31",
        "0001-01-01",
        "1970-01-01T00:00:00Z",
        "1/2/2024",
        "12:30",
        "\u00e9",
        "\x00",
        "x" * 5_000,
    ),
    *(
        "[red]",
        "[/]",
        "label:x",
        "=1+1",
        "\U0001f642",
        "\ufeff",
        '"',
        "a\nb",
        "{}",
        "<b>",
        "&amp;",
        "%s",
        "\u202eabc",
        "\t",
    ),
)
NAMES = (
    *(
        "",
        " ",
        "label:x",
        "trunkline/x",
        "[km]",
        'a"b',
        "a,b",
        "a\nb",
        "ids",
        "input",
        " x ",
        "x" * 300,
        "churned",
        "y",
    ),
    *(
        "NULL",
        "a.b",
        "a/b",
        "split",
        "row",
        "Unnamed: 0",
        "\U0001f642",
        "\u00e9",
        "logits",
        "1",
        "-",
        "{x}",
        "$ref",
        "a\tb",
    ),
)
SCALARS = (
    "",
    "null",
    "-1",
    "0",
    "1e400",
    "nan",
    "[]",
    "{}",
    "true",
    "x",
    '"\u0000"',
    "2024-01-01",
    "[[1]]",
    "&a",
    "*a",
    "!!x",
    "'",
)

Table = dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class Walk:
    """Progress of a file: the last command, its exit code, and its output."""

    command: str
    code: int
    words: str


def mutated(number: int) -> tuple[str, bytes, Callable[[str], str]]:
    """Suffix and content of a data file, and a change of the params.yaml that is drafted from it."""
    source = random.Random(number)
    if number % 10 < 6:
        return ".csv", _csv(source), _same
    if number % 10 < 8:
        return ".parquet", _parquet(source), _same
    return ".csv", _text(_table(source), source).encode(), lambda text: _params(source, text)


def walk(folder: Path, number: int, *, trained: bool = True) -> Walk:
    """Take a mutated file from `mtl init` to served predictions, or to the first command that refuses it.

    Raises whatever is no error of ours.

    Args:
        trained: False to stop after `prepare`, behind which no stage reads what the file held, with its rows read as
            those of a request.
    """
    suffix, content, change = mutated(number)
    folder.mkdir(parents=True)
    file = folder / f"table{suffix}"
    file.write_bytes(content)
    where = ["-C", str(folder / "problem")]
    found = _run("init", [str(file), "--tasks", "churned,spend", *where])
    if found.code:
        return found
    params = folder / "problem" / "params.yaml"
    small = params.read_text(encoding="utf-8").replace("epochs: 20", "epochs: 1\n  threads: 1")
    small = small.replace("widths: [256, 128]", "widths: [8]").replace("width: 64", "width: 4")
    params.write_text(change(small), encoding="utf-8")
    names = ("validate", "prepare", "train", "export", "check", "report") if trained else ("validate", "prepare")
    stages = [["stage", name] for name in names]
    for command, *arguments in (["check"], ["profile"], *stages):
        found = _run(command, [*arguments, *where])
        # A gate that is not passed stops a promotion, and nothing that is tried here.
        if found.code and arguments != ["check"]:
            return found
    return _serve(folder / "problem", trained=trained)


def _run(command: str, arguments: list[str]) -> Walk:
    from flows.cli import main

    words = io.StringIO()
    with contextlib.redirect_stdout(words), contextlib.redirect_stderr(words):
        try:
            main([command, *arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
            return Walk(command=" ".join([command, *arguments[:1]]), code=code, words=words.getvalue())
    return Walk(command=command, code=0, words=words.getvalue())


def _serve(folder: Path, *, trained: bool) -> Walk:
    """Request of `mtl demo`, read as the service reads it, and answered by the exported model."""
    import msgspec

    from flows.layout import Layout
    from mtl_core.config import load_problem
    from mtl_core.data.encoder import Encoder
    from mtl_core.errors import DataError
    from mtl_core.export.signature import signature
    from serving.errors import RequestError
    from serving.inputs import InputField
    from serving.live import ServedModel
    from serving.model import OnnxModel
    from serving.rows import RequestDecoder

    layout = Layout(folder)
    rows = pq.read_table(layout.encoded / "test.parquet").slice(0, 5)
    encoder = Encoder.load(layout.encoder)
    sent = encoder.request_values(rows)
    body = msgspec.json.encode([dict(zip(sent, row, strict=True)) for row in zip(*sent.values(), strict=True)])
    inputs = signature(load_problem(folder), encoder, (), b"")["inputs"]
    try:
        list(RequestDecoder(tuple(msgspec.convert(entry, InputField) for entry in inputs)).decode(body))
        answer = ServedModel(OnnxModel.load(layout.graph.parent)).respond(body) if trained else b""
    except RequestError as error:  # a text of the file that is longer than the service takes
        return Walk(command="demo", code=DataError.exit_code, words=f"error: {error}")
    return Walk(command="predict" if trained else "read", code=0, words=answer.decode())


def _same(text: str) -> str:
    return text


def _table(source: random.Random) -> Table:
    size = [source.gauss(5, 2) for _ in range(ROWS)]
    churned = [int(value + source.gauss(0, 1) > 5) for value in size]
    return {
        "key": [f"k{row}" for row in range(ROWS)],
        "colour": [source.choice(["red", "green", "blue"]) for _ in range(ROWS)],
        "size": [f"{value:.3f}" for value in size],
        "count": [str(source.randrange(50)) for _ in range(ROWS)],
        "joined": [str(date(2024, 1, 1) + timedelta(row)) for row in range(ROWS)],
        "member": [source.choice(["true", "false"]) for _ in range(ROWS)],
        "churned": [str(value) for value in churned],
        "spend": [f"{2 * value + source.gauss(0, 1):.2f}" for value in size],
    }


def _text(table: Table, source: random.Random, separator: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator=source.choice(["\n", "\r\n"])).writerows(
        [list(table), *zip(*table.values(), strict=True)]
    )
    return out.getvalue()


def _csv(source: random.Random) -> bytes:
    table = _table(source)
    for _ in range(source.randrange(1, 4)):
        source.choice([_odd_cells, _odd_cells, _odd_column, _odd_name, _few_rows])(source, table)
    separator = source.choice([",", ",", ",", ";", "\t"])
    content = _text(table, source, separator).encode(source.choice(["utf-8"] * 6 + ["utf-16", "utf-8-sig"]))
    return source.choice([_as_it_is] * 4 + [_flipped, _cut, _lines])(source, content)


def _odd_cells(source: random.Random, table: Table) -> None:
    name = source.choice(list(table))
    for row in source.sample(range(len(table[name])), min(len(table[name]), source.choice([1, 3, 30]))):
        table[name][row] = source.choice(CELLS)


def _odd_column(source: random.Random, table: Table) -> None:
    kinds = source.sample(CELLS, source.choice([1, 2, 5]))
    name = source.choice(list(table))
    table[name] = [source.choice(kinds) for _ in table[name]]


def _odd_name(source: random.Random, table: Table) -> None:
    names = list(table)
    names[source.randrange(len(names))] = source.choice(NAMES)
    columns = list(table.values())
    table.clear()
    table.update(zip(names, columns, strict=True))


def _few_rows(source: random.Random, table: Table) -> None:
    rows = source.choice([0, 1, 2, 10, 30])
    for name in table:
        table[name] = table[name][:rows]


def _as_it_is(_source: random.Random, content: bytes) -> bytes:
    return content


def _flipped(source: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(source.choice([1, 5, 50]) if changed else 0):
        changed[source.randrange(len(changed))] = source.randrange(256)
    return bytes(changed)


def _cut(source: random.Random, content: bytes) -> bytes:
    start, end = sorted((source.randrange(len(content) + 1), len(content) if source.random() < 0.5 else 0))
    return content[start:end]


def _lines(source: random.Random, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    for _ in range(3):
        place = source.randrange(len(lines) + 1)
        lines[place:place] = source.choice(
            [[b"\n"], [b"a comment\n"], lines[:1], [b'"\n'], [b",,,,\n"], [b"\xff\xfe\n"]]
        )
    return b"".join(lines)


def _parquet(source: random.Random) -> bytes:
    table = {name: pa.array(cells) for name, cells in _table(source).items()}
    for name, wanted in (
        ("size", pa.float64()),
        ("count", pa.int64()),
        ("spend", pa.float64()),
        ("churned", pa.int64()),
    ):
        table[name] = table[name].cast(wanted)
    table["joined"] = table["joined"].cast(pa.date32())
    for _ in range(source.randrange(1, 3)):
        name = source.choice(list(table)) if source.random() < 0.7 else source.choice(NAMES)
        values = source.choice(_odd_arrays(source))
        table[name] = values
    out = io.BytesIO()
    pq.write_table(pa.table(table), out)
    return source.choice([_as_it_is] * 5 + [_flipped, _cut])(source, out.getvalue())


def _odd_arrays(source: random.Random) -> list[pa.Array]:
    numbers = [None if source.random() < 0.1 else source.randrange(100) for _ in range(ROWS)]
    whole = pa.array(numbers)
    micros = [None if number is None else number * 86_400_000_000 for number in numbers]
    return [
        *(whole.cast(wanted) for wanted in (pa.int8(), pa.uint64(), pa.float32(), pa.float16(), pa.string_view())),
        *(
            pa.array(micros, pa.int64()).cast(wanted)
            for wanted in (pa.duration("us"), pa.timestamp("us", "Europe/Berlin"))
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


def _params(source: random.Random, text: str) -> str:
    lines = text.splitlines()
    for _ in range(source.randrange(1, 3)):
        place = source.randrange(len(lines))
        change: Any = source.choice(["drop", "twice", "value", "value", "key", "indent"])
        line = lines[place]
        key, colon, _value = line.partition(":")
        if change == "drop":
            del lines[place]
        elif change == "twice":
            lines.insert(place, line)
        elif change == "value" and colon:
            lines[place] = f"{key}: {source.choice(SCALARS)}"
        elif change == "key" and colon:
            lines[place] = f"{key}{source.choice(['x', ' ', ':', '[', chr(0x1F642)])}:{_value}"
        else:
            lines[place] = " " * source.randrange(4) + line
    return "\n".join(lines) + "\n"
