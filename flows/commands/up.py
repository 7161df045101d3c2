"""`mtl up`: run Prefect server, worker and service on this machine."""

import sys
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder

PORT = click.IntRange(1, 65_535)


@click.command(epilog=example("mtl up", "mtl up -C customers --host 0.0.0.0 --port 8080"))
@in_folder
@click.option("--host", metavar="HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", metavar="PORT", default=3000, show_default=True, type=PORT, help="Port of the service.")
@click.option("--server-port", metavar="PORT", default=4200, show_default=True, type=PORT, help="Port of Prefect.")
def command(folder: Path, host: str, port: int, server_port: int) -> None:
    """Run the schedule and the service of a problem until Ctrl-C.

    Starts a Prefect server with its UI, deploys prefect.yaml, starts a worker that runs its deployments, and serves the
    champion, as soon as there is one. Each line of output begins with the name of its process. With PREFECT_API_URL,
    that server is used and none is started.

    If one process ends, the others are ended too, and its exit code is returned, or 128 and its signal; 130 after
    Ctrl-C, 143 after SIGTERM. Exits with code 11 if a port is in use, and with 9 if `mtl up` already runs here.
    """
    from flows.deployments.processes import Addresses, run_processes

    sys.exit(run_processes(folder, Addresses(host=host, server_port=server_port, service_port=port)))
