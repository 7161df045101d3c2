"""`mtl check`: validate params.yaml and show the problem with all defaults."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output


@click.command(epilog=example("mtl check", "mtl check -C customers --json | jq .tasks"))
@in_folder
@json_output
def command(folder: Path, as_json: bool) -> None:
    """Validate params.yaml and show the problem with all defaults.

    Reads params.yaml, the expectation suite and as much of the data as needed; runs no stage. Reports errors that a
    later stage would raise: kinds that do not fit the column types, invalid labels, splits without rows or labels,
    undefined metrics. Each error has its path in params.yaml, the rule, the value found and the fix.

    Prints warnings for likely mistakes, such as a feature that leaks a target.
    """
    from flows.pipeline.graph import check_graph
    from mtl_core.arrow import scalar_type
    from mtl_core.config import load_problem
    from mtl_core.config.patterns import matched_columns
    from mtl_core.data.column_types import column_types
    from mtl_core.data.data_warnings import balancing_warnings, data_warnings, pattern_warnings
    from mtl_core.data.parts import open_data
    from mtl_core.validation.preflight import check_data

    check_graph(folder)
    declared = load_problem(folder)
    problem, sources = open_data(folder, declared)
    matches, _ = matched_columns(declared, sources[0].shared)
    summary = check_data(folder, problem, sources)
    types = {name: scalar_type(each) or str(each) for name, each in column_types(folder, problem, sources).items()}
    warnings = [*summary.warnings, *pattern_warnings(declared, sources), *balancing_warnings(problem)]
    warnings += data_warnings(problem, sources)
    if as_json:
        import json

        from mtl_core.config.budget import budget_of

        resolved = problem.model_dump(mode="json")
        resolved["store"] = problem.store.model_dump(mode="json")
        if problem.tuning:
            resolved["tuning"] = problem.tuning.model_dump(mode="json")
        resolved["data"] |= {
            "parts": summary.parts,
            "rows": sum(summary.rows.values()) + summary.left_out,
            "rows_per_split": summary.rows,
            "left_out": summary.left_out,
            "windows": {name: window.model_dump() for name, window in summary.windows.items()},
            "labelled": summary.labelled,
            "types": types,
        }
        resolved["budget"] = budget_of(problem.training, summary.rows["train"]).model_dump()
        resolved["patterns"] = {name: len(columns) for name, columns in matches.items()}
        click.echo(json.dumps(resolved | {"warnings": warnings}, indent=1))
    else:
        from flows.console.check import print_problem, print_warnings

        print_problem(declared, summary, types, matches)
        print_warnings(warnings)
