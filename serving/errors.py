"""Exceptions of the package `serving`.

ServingError
├── SignatureError     signature.json describes something that cannot be served
├── ModelError         the graph is broken, or is not the one that its signature describes
├── StoreError         an operation of the model store failed
│   ├── NoVersionError     no such version
│   ├── RefusedVersionError   a refused version is promoted only with an overrule
│   ├── NoChampionError    no version was promoted yet
│   ├── DamagedError       a champion's files are not those that were saved
│   └── RemoteError        the remote store cannot be read or written
├── PortError          the service cannot listen at the address and port
├── RequestError       an invalid request: status, message, details by row and field
├── InputValueError    a value of a request breaks a rule of its input's type; becomes a RequestError
└── ProcessError       the service's process did not start, or died
"""

import msgspec


class ServingError(Exception):
    """Root of the exceptions of the package `serving`. `exit_code` is what the command line returns for it."""

    exit_code = 8


class SignatureError(ServingError):
    """signature.json is missing, broken, of another format, or contradicts itself."""


class ModelError(ServingError):
    """The ONNX graph cannot be loaded or run, or differs from what its signature says."""


class StoreError(ServingError):
    """An operation of the model store failed: files that do not match, missing checks, a broken pointer file."""


class NoVersionError(StoreError):
    """The store holds no such version."""


class RefusedVersionError(StoreError):
    """The version failed its gates or lost against a champion; it is promoted only with `overrule`."""

    exit_code = 7


class NoChampionError(StoreError):
    """No version of this model name was promoted yet."""


class DamagedError(StoreError):
    """A champion's files, or the pointer to it, are not those that were saved."""

    exit_code = 12


class RemoteError(StoreError):
    """The remote store cannot be read or written: no such bucket, no permission, no connection."""


class PortError(ServingError):
    """The service cannot listen at the address and port."""

    exit_code = 11


class ProcessError(ServingError):
    """The service's process did not become ready, or died; the message ends with the last lines of its log."""


class InputValueError(ServingError):
    """A value of a request breaks a rule of its input's type; the message is the rule."""


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A broken rule of a request: row (counted from 0), field, rule, and value."""

    row: int | None
    field: str | None
    rule: str
    found: str


class RequestError(ServingError):
    """An invalid request.

    status: the HTTP status. details: the first broken rules. total: the number of all of them.
    """

    def __init__(self, message: str, *, status: int, details: tuple[ErrorDetail, ...] = (), total: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.details = details
        self.total = total
