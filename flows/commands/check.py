"""`mtl check`: the declared problem, resolved, or what is wrong with it."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output

__all__ = ["command"]


@click.command(epilog=example("mtl check", "mtl check -C customers --json | jq .tasks"))
@in_folder
@json_output
def command(folder: Path, as_json: bool) -> None:
    """Show the declared problem, resolved, or say what is wrong with it.

    Reads params.yaml and the data's schema; nothing is run. Every mistake is named with its path in the file,
    the rule, the value found and the nearest valid name.
    """
    from flows.pipeline.graph import check_graph
    from mtl_core.arrow import scalar_type
    from mtl_core.config import load_problem
    from mtl_core.data.parts import column_types, parts

    check_graph(folder)
    problem = load_problem(folder)
    files = parts(folder, problem)
    types = {name: scalar_type(found) or str(found) for name, found in column_types(folder, problem, files).items()}
    counts = [_rows(part.path) for part in files]
    rows = None if None in counts else sum(count or 0 for count in counts)
    if as_json:
        import json

        resolved = problem.model_dump(mode="json")
        if problem.tuning:
            resolved["tuning"] = problem.tuning.model_dump(mode="json")
        resolved["data"] |= {"parts": [part.name for part in files], "rows": rows, "types": types}
        click.echo(json.dumps(resolved, indent=1))
    else:
        from flows.console.check import print_problem

        print_problem(problem, [part.name for part in files], rows, types)


def _rows(path: Path) -> int | None:
    """Rows of a Parquet file, from its footer; None for CSV, which would have to be read whole."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows) if path.suffix == ".parquet" else None
