"""Before the service is started: a used port and a damaged champion are refused in one line."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from serving import process
from serving.champion import champion_file
from serving.errors import DamagedError, NoVersionError, PortError
from serving.preflight import check_champion, check_port
from serving.store import Store
from tests.serving.example_models import promote

Export = Callable[..., Path]


@pytest.mark.parametrize("file", ["model.onnx", "signature.json", "pointer"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b"other"])
def test_a_damaged_champion_is_refused_with_its_file_until_it_is_mended(
    export: Export, store: Store, file: str, content: bytes | None
) -> None:
    tag = promote(store, export())
    path = champion_file(store.home, "flights") if file == "pointer" else store.path(tag) / file
    whole = path.read_bytes()
    if content is not None:
        path.write_bytes(content)
    elif file != "pointer":
        path.unlink()
    else:
        path.write_bytes(whole[:-9])
    for start in (check_champion, process.serve):
        with pytest.raises(DamagedError, match=f"{path.name}: "):
            start(store.home, "flights")
    path.write_bytes(whole)
    check_champion(store.home, "flights")


def test_a_champion_whose_folder_is_gone_is_named(export: Export, store: Store) -> None:
    tag = promote(store, export())
    store.path(tag).rename(store.home / "elsewhere")
    with pytest.raises(NoVersionError, match=tag):
        check_champion(store.home, "flights")


def test_a_port_in_use_is_refused_until_it_is_free(export: Export, store: Store) -> None:
    promote(store, export())
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortError, match=f"127.0.0.1:{port}: .*the port is in use"):
            process.serve(store.home, "flights", port=port)
    check_port("127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "found"), [("192.0.2.1", "does not have that address"), ("nothing.invalid", "choose another --host")]
)
def test_an_address_of_another_machine_is_refused(host: str, found: str) -> None:
    with pytest.raises(PortError, match=found):
        check_port(host, 3000)
