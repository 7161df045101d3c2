"""Effect of sharing: `mtl compare --policies` on the public problems, with five seeds, on one thread.

    python benchmarks/comparison.py [--problems flights films ...] [--seeds 5]   # an hour; resumes

Results: benchmarks/results/sharing.json, problem -> its comparison as `mtl compare` writes it, with the command, the
commit, the seeds and the machine; that of the flights is also stored for their report. Then prints the tables, as
benchmarks/comparison_table.py does.
"""

import argparse
import json

from comparison_table import RESULTS, tables
from measurement import merge_records
from problems import FOLDERS, ROOT, prepared
from rich.console import Console

from flows.layout import Layout
from flows.provenance import provenance_of
from mtl_core.studies.comparison.study import compare_arms
from mtl_core.studies.files import write_study
from mtl_core.studies.progress import StudyProgress

WORK = ROOT / ".trunkline" / "benchmarks" / "sharing"


class PartsProgress(StudyProgress):
    """Prints a line per part of a problem's study."""

    def __init__(self, problem: str) -> None:
        self.problem, self.console = problem, Console()

    def on_part(self, description: str, number: int, parts: int) -> None:
        self.console.print(f"{self.problem}: {description}")


def main() -> None:
    """Run the study on every problem, store its results and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", nargs="+", choices=list(FOLDERS), default=list(FOLDERS))
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parser.parse_args()
    for name in arguments.problems:
        command = f"python benchmarks/comparison.py --problems {name} --seeds {arguments.seeds}"
        with prepared(FOLDERS[name], threads=1) as problem:
            study = compare_arms(
                *(problem.declared, problem.encoder, problem.splits, problem.raw_test, WORK / name),
                provenance_of(command, range(arguments.seeds), ROOT, problem.declared),
                policies=True,
                progress=PartsProgress(name),
            )
        merge_records(RESULTS, {name: study.model_dump(mode="json")}, FOLDERS)
        if FOLDERS[name] == ROOT:
            write_study(Layout(ROOT).comparison, study)
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))


if __name__ == "__main__":
    main()
