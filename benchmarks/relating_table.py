"""The tables of the kept studies of relatedness, as Markdown: docs/relating.md shows exactly these.

    python benchmarks/relating_table.py

Affinities of problems with so many tasks that a table would not be read are left out; their file has them.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from paired import paired

RESULTS = Path(__file__).parent / "results" / "relating.json"
MOST = 6
"""Tasks of a matrix that is shown."""


def tables(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The lines: per problem its affinities and cosines, its partitions, and what the one into two networks brought."""
    for problem, found in results.items():
        study = found["study"]
        yield f"### {problem}"
        yield ""
        if len(study["tasks"]) <= MOST:
            yield from _matrix(study, "affinity", 100, "source, target: affinity in %")
            yield from _matrix(study, "cosine", 1, "cosine")
        yield from _partitions(study)
        yield from _outcome(found)


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
    for grouping in study["groupings"][:MOST]:
        groups = "; ".join(", ".join(f"`{task}`" for task in group) for group in grouping["networks"])
        yield f"| {len(grouping['networks'])} | {groups} | {100 * grouping['total']:+.2f} |"
    yield ""


def _outcome(found: Mapping[str, Any]) -> Iterator[str]:
    """Two networks against one."""
    seeds = sorted({row["seed"] for row in found["rows"]})
    yield f"| task | metric | one network | two networks | difference, {len(seeds)} seeds |"
    yield "|---|---|---|---|---|"
    yield from paired(found["rows"], "one", "two", found["metrics"])
    yield ""


if __name__ == "__main__":
    print("\n".join(tables(json.loads(RESULTS.read_text(encoding="utf-8")))))
