"""Locks on files: a single holder, named in the error of others; free as soon as its process has ended."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mtl_core.locks import Holder, exclusive_lock, released_lock

HOLD = """
import sys
from pathlib import Path
from mtl_core.locks import exclusive_lock
with exclusive_lock(Path(sys.argv[1]), lambda _: False):
    print("locked", flush=True)
    sys.stdin.read()
"""


class Busy(Exception):
    """Raised by `refuse`."""


def refuse(holder: Holder | None) -> bool:
    raise Busy(str(holder))


def test_the_lock_is_refused_with_the_name_of_its_holder_until_that_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(Busy, match=f"process {other.pid}, since 2"), exclusive_lock(path, refuse):
            pass
        other.kill()
        other.wait()
    with exclusive_lock(path, refuse) as acquired:
        assert acquired
        assert path.read_bytes()
    assert path.read_bytes() == b""


def test_a_waiting_process_acquires_the_lock_and_a_sharing_one_runs_at_once(tmp_path: Path) -> None:
    order, keys = [], []

    def share(holder: Holder | None) -> bool:
        assert holder is not None
        keys.append(holder.key)
        return True

    def wait() -> None:
        with exclusive_lock(tmp_path / "lock", lambda _: bool(order.append("waits"))):
            order.append("second")

    thread = threading.Thread(target=wait)
    with exclusive_lock(tmp_path / "lock", refuse, key="parent"):
        with exclusive_lock(tmp_path / "lock", share) as acquired:
            assert not acquired
        thread.start()
        while not order:
            thread.join(0.01)
        order.append("first")
    thread.join()
    assert (order, keys) == (["waits", "first", "second"], ["parent"])


def test_a_released_lock_is_acquired_again_after_another_holder(tmp_path: Path) -> None:
    path, order = tmp_path / "lock", []

    def hold() -> None:
        with exclusive_lock(path, refuse):
            order.append("other")
            free.set()
            busy.wait(10)

    free, busy = threading.Event(), threading.Event()
    thread = threading.Thread(target=hold)
    with exclusive_lock(path, refuse, key="k"):
        with released_lock(path, lambda _: busy.set()):
            thread.start()
            free.wait(10)
        order.append("again")
        with pytest.raises(Busy), exclusive_lock(path, refuse):
            pass
    thread.join()
    assert order == ["other", "again"]
    assert path.read_bytes() == b""


def test_a_lock_stays_released_after_an_error_and_one_that_is_not_held_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    def fail_while_released() -> None:
        with exclusive_lock(path, refuse), released_lock(path, refuse):
            path.write_bytes(b"of another holder")
            raise KeyError

    with pytest.raises(KeyError):
        fail_while_released()
    assert path.read_bytes() == b"of another holder"
    with released_lock(path, refuse):
        pass
