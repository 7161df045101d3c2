"""The model that is being served now, and the watch over the champion that replaces it."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from serving.answers import AnswerWriter
from serving.champion import LoadFailure, champion_file, clear_load_failure, read_champion, write_load_failure
from serving.errors import ServingError
from serving.model import GRAPH_FILE, OnnxModel
from serving.rows import RowReader
from serving.signature import SIGNATURE_FILE
from serving.store import Store

if TYPE_CHECKING:
    from pathlib import Path

    Stamp = tuple[int, int] | None

POLL_SECONDS = 1.0

_log = logging.getLogger("bentoml.trunkline")  # under BentoML's name, so that it reaches the server's log
_encode = msgspec.json.Encoder().encode


class Served:
    """Version of a model with all that is needed to answer for it.

    It is never changed: a request ends with the version it began with.
    """

    def __init__(self, model: OnnxModel) -> None:
        self.model = model
        answered = {output.sequence for output in model.signature.outputs if output.sequence is not None}
        self._reader = RowReader(model.signature.inputs, model.signature.matrices, answered=answered)
        self.has_lists = self._reader.has_lists
        self._writer = AnswerWriter(model.signature)
        self.description = _encode({"model": model.version, "signature": model.signature})
        self.example = self._example()
        """A body and its response, for people."""

    @classmethod
    def champion(cls, home: Path, name: str) -> Served:
        """Load the champion of a model name; raises ServingError."""
        tag = read_champion(home, name).champion
        return cls(OnnxModel.load(Store(home).path(tag), version=tag))

    def answer(self, body: bytes) -> bytes:
        """A request's body -> the response's; raises RequestError, or ModelError where the graph itself fails."""
        # Encoded batch by batch: as Python objects, the answers of many tokens need ten times the memory of their JSON.
        responses = [
            self._encoded(self._writer.rows(self.model.predict(columns), lengths))
            for columns, lengths in self._reader.read(body)
        ]
        return responses[0] if len(responses) == 1 else self._joined(responses)

    def _encoded(self, rows: list[Any]) -> bytes:
        return _encode({"model": self.model.version, "predictions": rows})

    def _joined(self, responses: list[bytes]) -> bytes:
        """Join consecutive rows into a single response, copied once: it may have hundreds of megabytes."""
        empty = self._encoded([])  # {"model":"...","predictions":[]}
        start, end = empty[:-2], empty[-2:]
        pieces: list[bytes | memoryview] = [start]
        for response in responses:
            pieces += [memoryview(response)[len(start) : -len(end)], b","]
        return b"".join([*pieces[:-1], end])

    def _example(self) -> tuple[str, str]:
        """A body of one row and the form of its response, with null for every value."""
        signature = self.model.signature
        body = _encode([{column.name: column.example for column in signature.inputs}])
        ((columns, lengths),) = self._reader.read(body)
        nothing = {task.name: np.full(task.shape(columns), np.nan) for task in signature.outputs}
        return _spaced(body), _spaced(self._encoded(self._writer.rows(nothing, lengths)))


class LiveModel:
    """Holds the served champion; `current` is None until `open` has loaded one, and is only ever replaced whole.

    `load_failure` names the present champion where it could not be loaded; then `current` is the one before it.
    """

    def __init__(self) -> None:
        self.current: Served | None = None
        self.load_failure: LoadFailure | None = None
        self._home: Path
        self._name: str
        self._pointer: Stamp = None
        self._files: tuple[Stamp, ...] = ()

    def open(self, home: Path, name: str) -> None:
        """Load the champion and remember where it is; raises ServingError."""
        self._home, self._name = home, name
        self._pointer = _stamp(champion_file(home, name))
        self.current = Served.champion(home, name)
        self._accept()

    def close(self) -> None:
        """Serve nothing any more."""
        self.current = None

    async def refresh(self) -> bool:
        """Load a champion that was promoted since the last call; returns whether it did.

        It is loaded off the event loop, so that requests go on being answered. A champion that cannot be loaded
        stands in the log and in the store, and the one before it stays; it is tried again when its files change or it
        is promoted again.
        """
        if not self._has_changed():
            return False
        before = self.current.model.version if self.current else None
        try:
            champion = await asyncio.to_thread(Served.champion, self._home, self._name)
        except Exception as error:  # whatever is wrong with a new model, the old one must go on
            _log.error("the new champion of %r cannot be loaded, %s stays: %s", self._name, before, error)
            self._record_failure(before, str(error))
            return False
        self.current = champion
        self._accept()
        if champion.model.version == before:  # promoted again
            return False
        _log.info("%s replaced %s", champion.model.version, before)
        return True

    async def watch(self) -> None:
        """Look for a new champion every POLL_SECONDS, for ever."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.refresh()

    def _has_changed(self) -> bool:
        """True after a promotion; while a champion cannot be loaded, also after a change of its files."""
        pointer = _stamp(champion_file(self._home, self._name))
        if pointer == self._pointer and self.load_failure is None:
            return False
        files = self._stamps_of_champion()
        if (pointer, files) == (self._pointer, self._files):
            return False
        self._pointer, self._files = pointer, files
        return True

    def _stamps_of_champion(self) -> tuple[Stamp, ...]:
        try:
            folder = Store(self._home).path(read_champion(self._home, self._name).champion)
        except (ServingError, OSError):  # the watch must go on, also over a store that is gone for a while
            return ()
        return tuple(_stamp(folder / file) for file in (GRAPH_FILE, SIGNATURE_FILE))

    def _record_failure(self, serving: str | None, reason: str) -> None:
        try:
            champion = read_champion(self._home, self._name).champion
        except ServingError:
            champion = ""  # the pointer itself is broken
        self.load_failure = LoadFailure(champion=champion, serving=serving or "", reason=reason, at=datetime.now(UTC))
        try:
            write_load_failure(self._home, self._name, self.load_failure)
        except OSError as error:
            _log.warning("the failure to load cannot be recorded in the store: %s", error)

    def _accept(self) -> None:
        self.load_failure = None
        try:
            clear_load_failure(self._home, self._name)
        except OSError as error:
            _log.warning("the record of a failure to load cannot be removed from the store: %s", error)


def _stamp(path: Path) -> Stamp:
    """Inode and time of a file, which change when it is replaced; None where it cannot be read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _spaced(content: bytes) -> str:
    return msgspec.json.format(content, indent=0).decode()
