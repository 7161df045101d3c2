"""`mtl serve`: the BentoML service on the champion."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder

__all__ = ["command"]


@click.command(epilog=example("mtl serve", "mtl serve -C customers --host 0.0.0.0 --port 8080"))
@in_folder
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=3000, show_default=True, type=click.IntRange(1, 65_535), help="The port to listen on.")
def command(folder: Path, host: str, port: int) -> None:
    """Serve the champion until Ctrl-C: POST /predict answers with every task for every row.

    A version that is promoted meanwhile is taken over without dropping a request.
    """
    from flows.environment import store_home
    from mtl_core.config.document import problem_name
    from serving.process import serve

    serve(store_home(folder), problem_name(folder), host=host, port=port)
