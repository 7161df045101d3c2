"""Build the tables of the suite of problems, and print their sizes.

    python benchmarks/build_suite.py [--problems diamonds ...]

The packages with the data are pinned and downloaded once. Tables: .trunkline/benchmarks/suite/NAME/NAME.parquet.
"""

import argparse

import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from suite import SuiteProblem, problems
from suite.problem import SPLIT

__all__: list[str] = []


def _row(problem: SuiteProblem) -> tuple[str, ...]:
    table = pq.read_table(problem.table())
    sizes = {count["values"]: count["counts"] for count in pc.value_counts(table[SPLIT]).to_pylist()}
    parts = " / ".join(f"{sizes[part]:,}" for part in ("train", "validation", "test"))
    columns = table.num_columns - len(problem.targets) - 1
    rule = type(problem.declared.split).__name__
    return (problem.name, problem.half, f"{table.num_rows:,}", str(columns), str(len(problem.targets)), parts, rule)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    listed = {problem.name: problem for problem in problems()}
    parser.add_argument("--problems", nargs="+", choices=list(listed), default=list(listed))
    table = Table("problem", "half", "rows", "features", "tasks", "train / validation / test", "split", "source")
    for name in parser.parse_args().problems:
        table.add_row(*_row(listed[name]), listed[name].declared.source.label)
    Console(width=170).print(table)


if __name__ == "__main__":
    main()
