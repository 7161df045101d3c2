"""Every exception that leaves the serving room.

ServingError
├── SignatureError     signature.json says something that cannot be served
├── ModelError         the graph is broken, or is not the one that its signature describes
├── StoreError         the model store cannot do what was asked
│   ├── NoVersionError     no such version
│   └── NoChampionError    nothing was promoted yet
├── RequestError       a client's request that is refused: status, message, details by row and field
└── ProcessError       the service's process did not start, or died
"""

from __future__ import annotations

import msgspec

__all__ = [
    "Fault",
    "ModelError",
    "NoChampionError",
    "NoVersionError",
    "ProcessError",
    "RequestError",
    "ServingError",
    "SignatureError",
    "StoreError",
]


class ServingError(Exception):
    """The root of the serving room's exceptions."""


class SignatureError(ServingError):
    """signature.json is missing, broken, of another format, or contradicts itself."""


class ModelError(ServingError):
    """The ONNX graph cannot be loaded or run, or differs from what its signature says."""


class StoreError(ServingError):
    """The model store refused: bytes that do not belong together, checks that did not pass, a broken pointer file."""


class NoVersionError(StoreError):
    """The store holds no such version."""


class NoChampionError(StoreError):
    """No version was promoted under this name yet."""


class ProcessError(ServingError):
    """The service's process did not become ready, or died; the message ends with the last lines of its log."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One broken rule of a request: where (row counted from 0, field), which rule, and what was found there."""

    row: int | None
    field: str | None
    rule: str
    found: str


class RequestError(ServingError):
    """A request that is refused.

    status: the HTTP status. faults: the first of the broken rules. total: how many there are altogether.
    """

    def __init__(self, message: str, *, status: int, faults: tuple[Fault, ...] = (), total: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.faults = faults
        self.total = total
