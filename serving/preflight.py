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
    if (damage := find_damage(folder, version)) is not None:
        path, rule = damage
        raise DamagedError(
            f"{path}: {rule}; champion {tag} is damaged; restore the file, or promote another version (`mtl models` "
            "lists them)"
        )


def find_damage(folder: Path, version: str) -> tuple[Path, str] | None:
    """The first file of a version that is not the one that was saved, and the broken rule; None if there is none."""
    signature_file, graph_file = folder / "signature.json", folder / "model.onnx"
    try:
        # A version is named after the hash of its signature, which has the hash of the graph.
        signature = signature_file.read_bytes()
        if (digest := hashlib.sha256(signature).hexdigest()[: len(version)]) != version:
            return signature_file, f"its SHA-256 must begin with {version}, found {digest}"
        try:
            expected = msgspec.json.decode(signature, type=_Signature).graph_sha256
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return signature_file, f"must have the SHA-256 of the graph, found: {error}"
        if (digest := hashlib.sha256(graph_file.read_bytes()).hexdigest()) != expected:
            return graph_file, f"its SHA-256 must be {expected}, found {digest}"
    except OSError as error:
        return Path(error.filename), f"must be a readable file, found: {error.strerror}"
    return None


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
