"""The model that is being served now, and the watch over the champion that replaces it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from serving.answers import AnswerWriter
from serving.champion import champion_file, read_champion
from serving.model import Model
from serving.rows import RowReader
from serving.store import Store

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["POLL_SECONDS", "LiveModel", "Served"]

POLL_SECONDS = 1.0

_log = logging.getLogger("bentoml.trunkline")  # under BentoML's name, so that it reaches the server's log
_encode = msgspec.json.Encoder().encode


class Served:
    """One version with all that is needed to answer for it; never changed: a request ends with what it began with."""

    def __init__(self, model: Model) -> None:
        self.model = model
        answered = {output.sequence for output in model.signature.outputs if output.sequence is not None}
        self._reader = RowReader(model.signature.inputs, answered=answered)
        self.has_lists = self._reader.has_lists
        self._writer = AnswerWriter(model.signature)
        self.description = _encode({"model": model.version, "signature": model.signature})
        self.example = self._example()
        """A body and its response, for people."""

    @classmethod
    def champion(cls, home: Path, name: str) -> Served:
        """Load the champion of a model name; raises ServingError."""
        tag = read_champion(home, name).champion
        return cls(Model.load(Store(home).path(tag), version=tag))

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
        """One response for consecutive rows, copied once: it may have hundreds of megabytes."""
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
    """Holds the served champion; `current` is None until `open` has loaded one, and is only ever replaced whole."""

    def __init__(self) -> None:
        self.current: Served | None = None
        self._home: Path
        self._name: str
        self._mark: tuple[int, int] | None = None

    def open(self, home: Path, name: str) -> None:
        """Load the champion and remember where it is; raises ServingError."""
        self._home, self._name = home, name
        self._mark = self._look()
        self.current = Served.champion(home, name)

    def close(self) -> None:
        """Serve nothing any more."""
        self.current = None

    async def refresh(self) -> bool:
        """Take up a champion that was promoted since the last look; returns whether it did.

        It is loaded off the event loop, so that requests go on being answered. A champion that cannot be loaded is
        refused in the log, once for each promotion, and the one before it stays.
        """
        mark = self._look()
        if mark == self._mark:
            return False
        self._mark = mark
        before = self.current.model.version if self.current else None
        try:
            self.current = await asyncio.to_thread(Served.champion, self._home, self._name)
        except Exception as error:  # whatever is wrong with a new model, the old one must go on
            _log.error("refused the new champion of %r, %s stays: %s", self._name, before, error)
            return False
        _log.info("%s replaced %s", self.current.model.version, before)
        return True

    async def watch(self) -> None:
        """Look for a new champion every POLL_SECONDS, for ever."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.refresh()

    def _look(self) -> tuple[int, int] | None:
        # A pointer that is replaced is another file: one stat tells.
        try:
            status = champion_file(self._home, self._name).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns


def _spaced(content: bytes) -> str:
    return msgspec.json.format(content, indent=0).decode()
