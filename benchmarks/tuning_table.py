"""Tables of the results of tuning.py as Markdown, as shown in docs/tuning.md.

python benchmarks/tuning_table.py
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from paired import paired

from mtl_core.report.wording import option_value

RESULTS = Path(__file__).parent / "results" / "tuning.json"


def tables(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Lines of the tables: the best trial on validation, and the comparison on test."""
    yield "| problem | trials | pruned | best trial | options | mean gain on validation, s.e. | gain of worst task |"
    yield "|---|---|---|---|---|---|---|"
    for problem, result in results.items():
        study = result["study"]
        trials = {trial["number"]: trial for trial in study["trials"]}
        best = trials[study["best"]]
        pruned = sum(trial["state"] == "pruned" for trial in trials.values())
        options = ", ".join(f"`{path}` {option_value(value)}" for path, value in best["changes"].items())
        gains = f"{best['objective']:+.2f} | {best['worst']:+.2f}"
        yield f"| {problem} | {len(trials)} | {pruned} | {best['number']} | {options} | {gains} |"
    yield ""
    for problem, result in results.items():
        seeds = {row["seed"] for row in result["rows"]}
        yield f"### {problem}, on test, {len(seeds)} seeds"
        yield ""
        yield "| task | metric | declared | tuned | difference |"
        yield "|---|---|---|---|---|"
        measures = result["study"]["baseline"].items()
        yield from paired(
            result["rows"],
            "declared",
            "tuned",
            {task: (measure["metric"], measure["higher_is_better"]) for task, measure in measures},
        )
        yield ""


if __name__ == "__main__":
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))
