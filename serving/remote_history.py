"""Pointers that a local store shares with its remote, so that a pull never undoes a promotion that was not uploaded.

HOME/champions/NAME.remote.json     SHA-256 of pointers that are, or were, the same in both
"""

import hashlib
from pathlib import Path

import msgspec

from serving.champion import champion_file, write_atomically


def is_shared(home: Path, name: str, pointer: bytes) -> bool:
    """True if the remote has, or had, this pointer."""
    return _digest(pointer) in _read(home, name)


def record_shared(home: Path, name: str, *pointers: bytes) -> None:
    """Record the pointers that both have; call before a local pointer is replaced, with the old one and the new one."""
    digests = [_digest(pointer) for pointer in pointers]
    if digests != _read(home, name):
        write_atomically(_file(home, name), msgspec.json.encode(digests))


def _file(home: Path, name: str) -> Path:
    return champion_file(home, name).with_suffix(".remote.json")


def _read(home: Path, name: str) -> list[str]:
    try:
        return msgspec.json.decode(_file(home, name).read_bytes(), type=list[str])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return []  # then nothing is shared, and nothing is pulled over a local champion


def _digest(pointer: bytes) -> str:
    return hashlib.sha256(pointer).hexdigest()
