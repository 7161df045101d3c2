"""Checks before a service is started, for an error in one line; they import neither BentoML nor ONNX Runtime."""

import errno
import hashlib
import socket
from pathlib import Path

import msgspec

from serving.champion import champion_file, read_champion
from serving.errors import DamagedError, NoVersionError, PortError


class _Signature(msgspec.Struct):
    graph_sha256: str


def check_champion(home: Path, name: str) -> None:
    """Check that the champion's files are those that were saved.

    home: the store's folder (BENTOML_HOME). Raises NoChampionError, NoVersionError, DamagedError.
    """
    tag = read_champion(home, name).champion
    version = tag.partition(":")[2]
    folder = home / "models" / name / version
    if not folder.is_dir():
        raise NoVersionError(
            f"{champion_file(home, name)}: must name a version in the store, found {tag}, which is missing; restore "
            "its folder, or promote another version (`mtl models` lists them)"
        )
    signature = _read(tag, folder / "signature.json")
    # A version is named after the hash of its signature, which has the hash of the graph.
    if (digest := hashlib.sha256(signature).hexdigest()[: len(version)]) != version:
        raise _damaged(tag, folder / "signature.json", f"its SHA-256 must begin with {version}, found {digest}")
    expected = msgspec.json.decode(signature, type=_Signature).graph_sha256
    if (digest := hashlib.sha256(_read(tag, folder / "model.onnx")).hexdigest()) != expected:
        raise _damaged(tag, folder / "model.onnx", f"its SHA-256 must be {expected}, found {digest}")


def check_port(host: str, port: int) -> None:
    """Check that the address and port are free to listen on; raises PortError."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for family, kind, protocol, _, address in addresses:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does, to restart at once
                probe.bind(address)
    except OSError as error:
        fixes = {
            errno.EADDRINUSE: "the port is in use; stop the other program, or choose another port with --port",
            errno.EACCES: "ports below 1024 need root; choose another port with --port",
            errno.EADDRNOTAVAIL: "this machine does not have that address; choose another with --host",
        }
        fix = fixes.get(error.errno or 0, f"found: {error.strerror or error}; choose another --host or --port")
        raise PortError(f"{host}:{port}: cannot listen on this address: {fix}") from error


def _read(tag: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _damaged(tag, path, f"must be a readable file, found: {error.strerror}") from error


def _damaged(tag: str, path: Path, rule: str) -> DamagedError:
    return DamagedError(
        f"{path}: {rule}; champion {tag} is damaged; restore the file, or promote another version (`mtl models` lists "
        "them)"
    )
