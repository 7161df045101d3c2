"""Validation of a problem's parts, one after another, in the memory of one; all errors are reported at once."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from mtl_core.config import Problem
from mtl_core.data.parts import Part, open_data
from mtl_core.files import write_text
from mtl_core.validation.data_docs import DataDocs
from mtl_core.validation.outcome import Result
from mtl_core.validation.part import validate_part
from mtl_core.validation.quarantine import write_quarantine
from mtl_core.validation.runner import ExpectationRunner
from mtl_core.validation.suite import load_suite, suite_path

__all__ = ["validate"]


def validate(
    folder: Path, problem: Problem, out: Path, *, progress: Callable[[Sequence[Part]], Iterable[Part]] = iter
) -> Result:
    """Write result.json, quarantine.parquet and data_docs/ below `out`, whether or not the parts pass.

    `Result.passed` says whether they do; raising is the caller's. Raises DataError for a suite or a part that cannot be
    read.

    Args:
        folder: the problem's folder, with the data and gx/.
        progress: gets the parts and gives them one after another, as `rich.progress.track` does.
    """
    path = suite_path(folder, problem)
    problem, sources = open_data(folder, problem)
    runner = ExpectationRunner(load_suite(path), path, problem.label_prefix)
    docs = DataDocs(runner)
    results = []
    for part in progress(sources):
        validated = validate_part(part, problem, runner)
        docs.add(validated)
        results.append(validated.result)
    result = Result(
        problem=problem.name,
        suite=path.relative_to(folder).as_posix(),
        share=problem.data.quarantine,
        parts=tuple(results),
    )
    docs.write(out / "data_docs", result)
    write_quarantine(out / "quarantine.parquet", result.parts)
    write_text(out / "result.json", json.dumps(result.document(), indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return result
