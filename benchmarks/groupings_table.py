"""Tables of the results of groupings.py as Markdown, as shown in docs/relating.md.

    python benchmarks/groupings_table.py

Matrices of problems with more than MAX_TASKS tasks are omitted; the result file has them.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from paired import paired

RESULTS = Path(__file__).parent / "results" / "relating.json"
MAX_TASKS = 6
"""Maximum tasks of a matrix, and maximum groupings per problem."""


def tables(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Lines per problem: affinities, cosines, partitions, and the comparison of two networks with one."""
    for problem, result in results.items():
        study = result["study"]
        yield f"### {problem}"
        yield ""
        if len(study["tasks"]) <= MAX_TASKS:
            yield from _matrix(study, "affinity", 100, "source, target: affinity in %")
            yield from _matrix(study, "cosine", 1, "cosine")
        yield from _partitions(study)
        yield from _outcome(result)


def _matrix(study: Mapping[str, Any], key: str, scale: float, corner: str) -> Iterator[str]:
    tasks, pairs = study["tasks"], study[key]
    yield f"| {corner} | {' | '.join(f'`{task}`' for task in tasks)} |"
    yield "|---|" + "---|" * len(tasks)
    for source in tasks:
        cells = (pairs.get(source, {}).get(target) for target in tasks)
        yield f"| `{source}` | {' | '.join('' if cell is None else f'{scale * cell:+.2f}' for cell in cells)} |"
    yield ""


def _partitions(study: Mapping[str, Any]) -> Iterator[str]:
    yield "| networks | the best partition | sum of mean affinities, % |"
    yield "|---|---|---|"
    for grouping in study["groupings"][:MAX_TASKS]:
        groups = "; ".join(", ".join(f"`{task}`" for task in group) for group in grouping["networks"])
        yield f"| {len(grouping['networks'])} | {groups} | {100 * grouping['total']:+.2f} |"
    yield ""


def _outcome(result: Mapping[str, Any]) -> Iterator[str]:
    """Comparison of two networks with one."""
    seeds = sorted({row["seed"] for row in result["rows"]})
    yield f"| task | metric | one network | two networks | difference, {len(seeds)} seeds |"
    yield "|---|---|---|---|---|"
    yield from paired(result["rows"], "one", "two", result["metrics"])
    yield ""


if __name__ == "__main__":
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))
