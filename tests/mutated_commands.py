"""Commands from `mtl init` to served predictions on a mutated file, up to an error of Trunkline."""

import contextlib
import io
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tests.mutated import mutated

SMALL = {
    "model: {}\n": (
        "model:\n  members: 1\n  embedding: 4\n  trunk: {kind: shared_bottom, widths: [8]}\n  head: {width: 4}\n"
    ),
    "  seed: 0\n": "  seed: 0\n  epochs: 1\n  threads: 1\n",
}
"""Text of a draft -> text of a problem that trains in a moment."""


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """The last command, its exit code, and its output."""

    command: str
    code: int
    output: str


def run_commands(folder: Path, number: int, *, trained: bool = True) -> CommandResult:
    """Run the commands on a mutated file, up to served predictions or to the first command that refuses it.

    An exception that is no error of Trunkline is raised.

    Args:
        trained: False to stop after `prepare`, the last stage that depends on the content of the file, and to read its
            rows as those of a request.
    """
    suffix, content, mutate = mutated(number)
    folder.mkdir(parents=True)
    file = folder / f"table{suffix}"
    file.write_bytes(content)
    in_problem = ["-C", str(folder / "problem")]
    result = _run("init", [str(file), "--tasks", "churned,spend", *in_problem])
    if result.code:
        return result
    params = folder / "problem" / "params.yaml"
    text = params.read_text(encoding="utf-8")
    for old, new in SMALL.items():
        assert old in text
        text = text.replace(old, new)
    params.write_text(mutate(text), encoding="utf-8")
    names = ("validate", "prepare", "train", "export", "check", "report") if trained else ("validate", "prepare")
    stages = [["stage", name] for name in names]
    for command, *arguments in (["check"], ["profile"], *stages):
        result = _run(command, [*arguments, *in_problem])
        # A failed gate only stops a promotion.
        if result.code and arguments != ["check"]:
            return result
    return _serve(folder / "problem", trained=trained)


def _run(command: str, arguments: list[str]) -> CommandResult:
    from flows.cli import main

    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            main([command, *arguments])
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
            return CommandResult(command=" ".join([command, *arguments[:1]]), code=code, output=output.getvalue())
    return CommandResult(command=command, code=0, output=output.getvalue())


def _serve(folder: Path, *, trained: bool) -> CommandResult:
    """Read the request of `mtl demo` as the service does, and answer it with the exported model."""
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
    columns = encoder.request_values(rows)
    body = msgspec.json.encode([dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)])
    inputs = signature(load_problem(folder), encoder, (), b"")["inputs"]
    try:
        list(RequestDecoder(tuple(msgspec.convert(entry, InputField) for entry in inputs)).decode(body))
        answer = ServedModel(OnnxModel.load(layout.graph.parent)).respond(body) if trained else b""
    except RequestError as error:  # a text that is longer than the limit of the service
        return CommandResult(command="demo", code=DataError.exit_code, output=f"error: {error}")
    return CommandResult(command="predict" if trained else "read", code=0, output=answer.decode())
