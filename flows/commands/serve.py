"""`mtl serve`: serve the champion over HTTP."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder


@click.command(epilog=example("mtl serve", "mtl serve -C customers --host 0.0.0.0 --port 8080"))
@in_folder
@click.option("--host", metavar="HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", metavar="PORT", default=3000, show_default=True, type=click.IntRange(1, 65_535), help="Port to listen on."
)
@click.option("--wait", is_flag=True, help="If there is no champion yet, wait for the first one.")
def command(folder: Path, host: str, port: int, wait: bool) -> None:
    """Serve the champion over HTTP until Ctrl-C.

    POST /predict takes a JSON list of rows and returns the predictions of every task. A newly promoted version is
    loaded without dropping requests.
    """
    from flows.environment import store_home
    from mtl_core.config.document import problem_name
    from serving.process import serve, wait_for_champion

    home, name = store_home(folder), problem_name(folder)
    if wait:
        wait_for_champion(home, name)
    serve(home, name, host=host, port=port)
