"""Checks before the service is started: the champion's files, the address and the port."""

import socket

import pytest

from serving import process
from serving.champion import champion_file
from serving.errors import DamagedError, NoVersionError, PortError
from serving.preflight import check_champion, check_port
from serving.store import Store
from tests.serving.example_models import Export, promote


@pytest.mark.parametrize("file", ["model.onnx", "signature.json", "pointer"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"other"])
def test_a_damaged_champion_is_an_error_that_names_the_file(
    export: Export, store: Store, file: str, content: bytes | None
) -> None:
    tag = promote(store, export())
    path = champion_file(store.home, "flights") if file == "pointer" else store.path(tag) / file
    intact = path.read_bytes()
    if content is not None:
        path.write_bytes(content)
    elif file != "pointer":
        path.unlink()
    else:
        path.write_bytes(intact[:-9])
    for start in (check_champion, process.serve):
        with pytest.raises(DamagedError, match=f"{path.name}: "):
            start(store.home, "flights")
    path.write_bytes(intact)
    check_champion(store.home, "flights")


def test_a_champion_without_a_folder_is_an_error(export: Export, store: Store) -> None:
    tag = promote(store, export())
    store.path(tag).rename(store.home / "elsewhere")
    with pytest.raises(NoVersionError, match=tag):
        check_champion(store.home, "flights")


def test_a_port_in_use_is_an_error(export: Export, store: Store) -> None:
    promote(store, export())
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortError, match=f"127.0.0.1:{port}: .*the port is in use"):
            process.serve(store.home, "flights", port=port)
    check_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "message"), [("192.0.2.1", "does not have that address"), ("nothing.invalid", "choose another --host")]
)
def test_an_address_of_another_machine_is_an_error(host: str, message: str) -> None:
    with pytest.raises(PortError, match=message):
        check_port(host, 3000)
