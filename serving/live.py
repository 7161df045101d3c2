"""The served model, and its replacement when another champion is promoted."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import msgspec

from serving.champion import LoadFailure, champion_file, clear_load_failure, read_champion, write_load_failure
from serving.errors import ServingError
from serving.model import GRAPH_FILE, OnnxModel
from serving.predictions import PredictionFormatter
from serving.rows import RequestDecoder
from serving.signature import SIGNATURE_FILE
from serving.store import Store

FileState = tuple[int, int] | None

POLL_SECONDS = 1.0

_log = logging.getLogger("bentoml.trunkline")  # under BentoML's name, so that it reaches the server's log
_encode = msgspec.json.Encoder().encode


class ServedModel:
    """A model with the decoder of its requests and the formatter of its predictions.

    It is never changed: a request ends with the version it began with.
    """

    def __init__(self, model: OnnxModel) -> None:
        self.model = model
        signature = model.signature
        token_inputs = {task.sequence for task in signature.outputs if task.sequence is not None}
        self.decoder = RequestDecoder(signature.inputs, signature.matrices, token_inputs=token_inputs)
        self.has_lengths = self.decoder.has_lengths
        self._formatter = PredictionFormatter(signature.outputs)
        self.description = _encode({"model": model.version, "signature": signature})
        self.example = self._example()
        """A body and its response, to be shown on the page."""

    @classmethod
    def champion(cls, home: Path, name: str) -> Self:
        """Load the champion of a model name; raises ServingError, also if its files are not those that were saved."""
        tag, store = read_champion(home, name).champion, Store(home)
        store.check_files(tag, checks=False)
        return cls(OnnxModel.load(store.path(tag), version=tag))

    def respond(self, body: bytes) -> bytes:
        """A request's body -> the response's; raises RequestError, or ModelError if the graph itself fails."""
        # Encoded batch by batch: as Python objects, the rows of many tokens need ten times the memory of their JSON.
        encoded: dict[int, bytes] = {}
        for batch in self.decoder.decode(body):
            rows = self._formatter.rows(self.model.predict(batch.tensors), batch)
            if batch.rows is None:
                return self._response([memoryview(_encode(rows))[1:-1]])
            encoded.update(zip(batch.rows, map(_encode, rows), strict=True))
        return self._response([encoded[row] for row in range(len(encoded))])

    def _response(self, rows: Sequence[bytes | memoryview]) -> bytes:
        """Join the JSON of rows into a response, copied once: it may have hundreds of megabytes."""
        chunks: list[bytes | memoryview] = [b'{"model":', _encode(self.model.version), b',"predictions":[']
        for row in rows:
            chunks += [row, b","]
        return b"".join([*chunks[:-1], b"]}"])

    def _example(self) -> tuple[str, str]:
        """A body of one row and the structure of its response, with null for every value that is not of a span."""
        signature = self.model.signature
        body = _encode([{field.name: field.example for field in signature.inputs}])
        (batch,) = self.decoder.decode(body)
        tensors = {**batch.tensors, **self.model.predict(batch.tensors)}
        undefined = {task.name: task.undefined(tensors) for task in signature.outputs}
        (row,) = self._formatter.rows(tensors | undefined, batch)
        return _spaced(body), _spaced(self._response([_encode(row)]))


class LiveModel:
    """Holder of the served champion.

    current: None until `open` has loaded a champion; it is replaced, never changed. load_failure: set while the present
    champion cannot be loaded; then `current` is the champion before it.
    """

    def __init__(self) -> None:
        self.current: ServedModel | None = None
        self.load_failure: LoadFailure | None = None
        self._home: Path
        self._name: str
        self._pointer: FileState = None
        self._files: tuple[FileState, ...] = ()

    def open(self, home: Path, name: str) -> None:
        """Load the champion of a model name; raises ServingError."""
        self._home, self._name = home, name
        self._pointer = _file_state(champion_file(home, name))
        self.current = ServedModel.champion(home, name)
        self._clear_failure()

    def close(self) -> None:
        """Stop serving."""
        self.current = None

    async def refresh(self) -> bool:
        """Load a champion that was promoted since the last call; True if the served version changed.

        It is loaded in a thread, so that requests are still answered. A failure to load is logged and recorded in the
        store, and the champion before it stays; loading is tried again when the files change or the champion is
        promoted again.
        """
        if not self._has_changed():
            return False
        previous = self.current.model.version if self.current else None
        try:
            champion = await asyncio.to_thread(ServedModel.champion, self._home, self._name)
        except Exception as error:  # whatever is wrong with the new model, the old one must stay
            _log.error("the new champion of %r cannot be loaded, %s stays: %s", self._name, previous, error)
            self._record_failure(previous, str(error))
            return False
        self.current = champion
        self._clear_failure()
        if champion.model.version == previous:  # promoted again
            return False
        _log.info("%s replaced %s", champion.model.version, previous)
        return True

    async def watch(self) -> None:
        """Refresh every POLL_SECONDS, without end."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await self.refresh()

    def _has_changed(self) -> bool:
        """True after a promotion; while a champion cannot be loaded, also after a change of its files."""
        pointer = _file_state(champion_file(self._home, self._name))
        if pointer == self._pointer and self.load_failure is None:
            return False
        files = self._champion_files()
        if (pointer, files) == (self._pointer, self._files):
            return False
        self._pointer, self._files = pointer, files
        return True

    def _champion_files(self) -> tuple[FileState, ...]:
        try:
            folder = Store(self._home).path(read_champion(self._home, self._name).champion)
        except (ServingError, OSError):  # the watch must continue while the store cannot be reached
            return ()
        return tuple(_file_state(folder / file) for file in (GRAPH_FILE, SIGNATURE_FILE))

    def _record_failure(self, serving: str | None, reason: str) -> None:
        try:
            champion = read_champion(self._home, self._name).champion
        except ServingError:
            champion = ""  # the pointer is broken
        self.load_failure = LoadFailure(champion=champion, serving=serving or "", reason=reason, at=datetime.now(UTC))
        try:
            write_load_failure(self._home, self._name, self.load_failure)
        except OSError as error:
            _log.warning("the failure to load cannot be recorded in the store: %s", error)

    def _clear_failure(self) -> None:
        self.load_failure = None
        try:
            clear_load_failure(self._home, self._name)
        except OSError as error:
            _log.warning("the record of a failure to load cannot be removed from the store: %s", error)


def _file_state(path: Path) -> FileState:
    """Inode and modification time, which change when the file is replaced; None if it cannot be read."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _spaced(content: bytes) -> str:
    return msgspec.json.format(content, indent=0).decode()
