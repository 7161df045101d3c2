"""Tags and classes on one encoder under every stopping policy, as shown in docs/tags.md.

    mtl compare --policies -C FOLDER                 # in the folder of each problem
    python benchmarks/tags_table.py [FOLDER ...]     # stores their comparisons, and prints the table

Without folders it prints the stored results. Means and standard deviations over seeds on test. The difference is that
to single-task networks, paired by seed, with its 95% t interval.
"""

import argparse
import json
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from measurement import merge_records
from paired import half_width

RESULTS = Path(__file__).parent / "results" / "tags.json"
ARMS = {
    "single_task": "a network per task",
    "joint": "one network, `joint`",
    "freeze": "one network, `freeze`",
    "hold": "one network, `hold`",
}


def table(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Lines of a table per problem."""
    for problem, study in results.items():
        yield f"### {problem}, {len(study['provenance']['seeds'])} seeds"
        yield ""
        heads = [f"`{name}` {task['metric']} | difference" for name, task in study["tasks"].items()]
        yield f"| training | {' | '.join(heads)} |"
        yield "|---" * (1 + 2 * len(heads)) + "|"
        for arm, text in ARMS.items():
            cells = [" | ".join(_cells(task["arms"], arm)) for task in study["tasks"].values()]
            yield f"| {text} | {' | '.join(cells)} |"
        yield ""


def _cells(arms: Mapping[str, Any], arm: str) -> tuple[str, str]:
    """Mean and standard deviation of an arm, and its difference from single-task networks."""
    values, single = arms[arm]["values"], arms["single_task"]["values"]
    value = f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"
    if arm == "single_task":
        return value, ""
    gains = [a - b for a, b in zip(values, single, strict=True)]
    return value, f"{statistics.mean(gains):+.4f} ± {half_width(gains):.4f}"


def main() -> None:
    """Store comparisons and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER")
    for folder in parser.parse_args().folders:
        name = yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))["name"]
        study = json.loads((folder / "studies" / "comparison.json").read_text(encoding="utf-8"))
        merge_records(RESULTS, {name: {key: study[key] for key in ("provenance", "tasks", "cost")}})
    print("\n".join(table(json.loads(RESULTS.read_text(encoding="utf-8")))))


if __name__ == "__main__":
    main()
