"""An S3 server for the tests: moto's, in a process of its own."""

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tests-key-id", "AWS_SECRET_ACCESS_KEY": "tests-secret-key"}
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A running server and the environment variables of its clients."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables that every S3 client reads; no file of the user's is read."""
        no_files = {"AWS_CONFIG_FILE": "no-config", "AWS_SHARED_CREDENTIALS_FILE": "no-credentials"}
        address = {"AWS_ENDPOINT_URL": self.url, "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
        return {**CREDENTIALS, **no_files, **address}

    def check_credentials(self, *, after: float) -> None:
        """Refuse unknown keys after that many requests."""
        headers = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.url}/moto-api/reset-auth", str(after).encode(), headers)
        _OPENER.open(request, timeout=10).close()


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """The server, for the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = S3Server(url=f"http://127.0.0.1:{port}")
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_until_ready(process, server)
            yield server
        finally:
            process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], server: S3Server) -> None:
    for _ in range(600):
        try:
            return _OPENER.open(f"{server.url}/moto-api/", timeout=2).close()
        except OSError:
            assert process.poll() is None
            time.sleep(0.1)
    raise AssertionError("moto's server does not answer")
