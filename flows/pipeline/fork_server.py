"""A fork server for the stages of a retrain: it imports what they need once, and forks itself for each of them.

`dvc.yaml` runs a stage as `mtl stage NAME`, in a process of its own. Beside a small table these processes spend more
time importing the same libraries than working. Within `fork_server()`, `mtl stage` hands its arguments, its environment
and its standard streams to the server and ends as the fork does; alone, as under `dvc repro`, it works as ever. As in
`multiprocessing`'s fork server, nothing but imports happens before the fork, and a stage's modules are only imported
when it has to run. Linux only: elsewhere forks of a process that has loaded numeric libraries are not safe.
"""

import gc
import json
import os
import secrets
import select
import signal
import socket
import struct
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["VARIABLE", "ForkServer", "fork_server", "run_forked"]

VARIABLE = "TRUNKLINE_FORK_SERVER"
STDIN, STDOUT, STDERR = range(3)
ALSO = {"train": "torch._dynamo", "export": "torch._dynamo"}
"""What torch imports only when its first optimizer is made, and when it exports."""


class ForkServer:
    """Handle of a running server; None where forks are not safe."""

    def __init__(self, pid: int | None) -> None:
        self.pid = pid

    @property
    def processor_seconds(self) -> float:
        """User and system time of the server and of the stages that have ended."""
        if self.pid is None:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def fork_server() -> Iterator[ForkServer]:
    """For the block, let every `mtl stage` that a child process calls run in a fork of one server."""
    if sys.platform != "linux":
        yield ForkServer(None)
        return
    name = secrets.token_hex(16)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(_address(name))
        listener.listen()
        process = subprocess.Popen(  # a list of arguments, no shell
            [sys.executable, "-P", "-m", "flows.pipeline.fork_server", str(listener.fileno())],
            stdin=subprocess.PIPE,  # ends with this process, however that ends, and the server with it
            pass_fds=[listener.fileno()],
        )
    os.environ[VARIABLE] = name
    try:
        with process:
            yield ForkServer(process.pid)
    finally:
        del os.environ[VARIABLE]


def run_forked(arguments: Sequence[str]) -> int | None:
    """Run `mtl` with these arguments in a fork of the server; its exit code, or None where there is no server.

    A fork that a signal ends, ends this process in the same way.
    """
    request = {"arguments": [sys.argv[0], *arguments], "folder": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(_address(os.environ[VARIABLE]))
        except ConnectionRefusedError:
            return None
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the fork, which has the same terminal
        socket.send_fds(connection, [b"\n"], [STDIN, STDOUT, STDERR])
        connection.sendall(json.dumps(request).encode() + b"\n")
        answer = connection.makefile().read()
    if not answer:
        raise ConnectionResetError("the fork server of this run has ended, and did not say how the stage did")
    if (code := int(answer)) < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


def _address(name: str) -> str:
    """In the abstract namespace: no file remains, and no path is too long."""
    return f"\0trunkline-{name}"


def _serve(listener: socket.socket) -> list[str]:
    """Serve one client after another, and exit when stdin ends; returns the arguments of `mtl` in each fork."""
    while STDIN not in _readable(listener.fileno(), STDIN):
        connection, _ = listener.accept()
        with connection:
            if _user_of(connection) != os.getuid():
                continue
            streams, request = _received(connection)
            _preload(request["arguments"])
            if (pid := _fork()) == 0:
                listener.close()
                return _become(streams, request)
            for descriptor in streams:
                os.close(descriptor)
            code = _exit_code(pid, connection)
            with suppress(BrokenPipeError):  # the client has ended
                connection.sendall(str(code).encode())
    sys.exit()


def _readable(*descriptors: int) -> list[int]:
    """Wait until one of the descriptors can be read, or has ended; which ones."""
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return [descriptor for descriptor, _ in poll.poll()]


def _user_of(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])


def _received(connection: socket.socket) -> tuple[list[int], Any]:
    _, streams, _, _ = socket.recv_fds(connection, 1, 3)
    return streams, json.loads(connection.makefile().readline())


def _preload(arguments: Sequence[str]) -> None:
    """Import the modules of a stage, to stay imported for those after it."""
    stage = next(iter(arguments[2:]), "")
    for module in (f"flows.stages.{stage}", ALSO.get(stage)):
        if module is not None:
            with suppress(Exception):  # the fork raises it again, with the stage's own exit code
                import_module(module)


def _fork() -> int:
    gc.freeze()  # else a collection in a fork would copy every page
    with warnings.catch_warnings():
        # Threads of libraries that are made for it (pyarrow's jemalloc, OpenBLAS) do not run on in a fork.
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        return os.fork()


def _become(streams: Sequence[int], request: Any) -> list[str]:
    """Take over the client's streams, folder and environment; returns the arguments of `mtl`."""
    for descriptor, stream in zip(streams, (STDIN, STDOUT, STDERR), strict=True):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    # As a new process has them; the server's own remember what its streams could do.
    for name, mode, buffering in (
        ("stdin", "r", -1),
        ("stdout", "w", 1 if os.isatty(STDOUT) else -1),
        ("stderr", "w", 1),
    ):
        old = getattr(sys, name)
        new = open(old.fileno(), mode, buffering, encoding=old.encoding, errors=old.errors, closefd=False)  # noqa: SIM115
        setattr(sys, name, new)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    del os.environ[VARIABLE]
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = request["arguments"]
    return sys.argv[1:]


def _exit_code(pid: int, connection: socket.socket) -> int:
    """Wait for the fork, and end it where its client has ended; its exit code, or minus the signal that ended it."""
    ended = os.pidfd_open(pid)
    if ended not in _readable(ended, connection.fileno()):
        os.kill(pid, signal.SIGTERM)
    os.close(ended)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def main() -> None:
    """Life of the server's process, and of its forks, on the listening socket of the descriptor in the arguments."""
    from flows.cli import main as mtl

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.set_threshold(200_000)  # as the command line does
    mtl(_serve(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
