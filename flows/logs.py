"""Structured logs: with TRUNKLINE_LOG=json every line of a run on stderr is a JSON object.

    {"time", "level", "logger", "problem", "version", "stage", "message"}, and "exception" where there is one

The fields stand in environment variables, which stages inherit. Lines that libraries and child processes write are
captured at the file descriptor; a line that is such an object already is not changed.
"""

import atexit
import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Any

from mtl_core.errors import ToolError
from serving.redaction import redact

VARIABLE = "TRUNKLINE_LOG"
FIELDS = ("problem", "version", "stage")

_END = b"\x1eend of the log\n"
"""Line that ends the capture: the pipe itself stays open while a child process has it."""
_started = False


def is_json() -> bool:
    """True if logs are JSON; raises ToolError for a value that is neither `json` nor `text`."""
    value = os.environ.get(VARIABLE) or "text"
    if value not in ("json", "text"):
        raise ToolError(f"{VARIABLE}: must be json or text, found {value!r}; correct or unset it")
    return value == "json"


def set_fields(**fields: str | None) -> None:
    """Set fields of all later lines of this process and its new children; None for a field that is not known."""
    for name, value in fields.items():
        os.environ[_variable(name)] = value or ""


def json_line(message: str, *, level: str = "INFO", logger: str = "trunkline", **more: str | None) -> str:
    """A line of the log, without secrets. `more`: further keys, left out if None."""
    line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "logger": logger}
    fields = {name: os.environ.get(_variable(name)) or None for name in FIELDS}
    texts = {key: redact(value) for key, value in {"message": message, **more}.items() if value is not None}
    return json.dumps({**line, **fields, **texts}, ensure_ascii=False)


class JsonFormatter(logging.Formatter):
    """Formatter of Python's and Prefect's loggers. Takes the options of Prefect's formatter, and ignores them."""

    def __init__(self, **_options: Any) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        exception = self.formatException(record.exc_info) if record.exc_info else None
        run = {name: str(getattr(record, name)) for name in ("flow_run_id", "task_run_id") if hasattr(record, name)}
        return json_line(record.getMessage(), level=record.levelname, logger=record.name, exception=exception, **run)


def start_json_lines() -> None:
    """Write every line of stderr as JSON until this process ends, if logs are JSON; later calls change nothing."""
    global _started
    if _started or not is_json():
        return
    _started = True
    sys.stderr.flush()
    output, (reader, writer) = os.dup(2), os.pipe()
    os.dup2(writer, 2)
    os.close(writer)
    thread = threading.Thread(target=_convert, args=(reader, output), name="log", daemon=True)
    thread.start()
    atexit.register(_end, thread, output)


def _convert(reader: int, output: int) -> None:
    """Write the lines of a pipe to the output, each as JSON, up to `_END`."""
    with os.fdopen(reader, "rb") as lines, os.fdopen(output, "wb", buffering=0, closefd=False) as out:
        for line in lines:
            if line == _END:
                return
            if text := line.decode("utf-8", "replace").strip():
                out.write(f"{text if _is_log_line(text) else json_line(text)}\n".encode("utf-8", "replace"))


def _end(thread: threading.Thread, output: int) -> None:
    sys.stderr.flush()
    os.write(2, b"\n" + _END)
    thread.join()
    os.dup2(output, 2)


def _is_log_line(text: str) -> bool:
    if not text.startswith("{"):
        return False
    try:
        line = json.loads(text)
    except ValueError:
        return False
    return isinstance(line, dict) and {"time", "level", "message", *FIELDS} <= line.keys()


def _variable(name: str) -> str:
    return f"{VARIABLE}_{name.upper()}"
