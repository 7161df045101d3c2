"""Validation of a problem's part files, one at a time in memory; all errors are reported at once."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mtl_core.config import Problem
from mtl_core.data.parts import Part, open_data
from mtl_core.files import pending_folder, write_text
from mtl_core.validation.data_docs import DataDocs
from mtl_core.validation.expectation_runner import ExpectationRunner
from mtl_core.validation.part import validate_part
from mtl_core.validation.results import PartValidation, ValidationResult, write_quarantine
from mtl_core.validation.suite import load_suite, suite_path


def validate(
    folder: Path, problem: Problem, out: Path, *, progress: Callable[[Sequence[Part]], Iterable[Part]] = iter
) -> ValidationResult:
    """Write result.json, quarantine.parquet and data_docs/ below `out`, whether or not the parts pass.

    The caller raises an error if `ValidationResult.passed` is false. Raises DataError for a suite or a part that
    cannot be read.

    Args:
        folder: the problem's folder, with the data and gx/.
        progress: iterates over the parts, as `rich.progress.track` does.
    """
    path = suite_path(folder, problem)
    problem, sources = open_data(folder, problem)
    runner = ExpectationRunner(load_suite(path), path, problem.label_prefix, problem.span_prefix)
    parts: list[PartValidation] = []
    with pending_folder(out / "data_docs") as data_docs:
        docs = DataDocs(data_docs, runner)
        for part in progress(sources):
            validation = validate_part(part, problem, runner)
            docs.write_part(validation)
            parts.append(replace(validation, results=tuple(replace(result, raw=None) for result in validation.results)))
        result = ValidationResult(
            problem=problem.name,
            suite=path.relative_to(folder).as_posix(),
            limit=problem.data.quarantine,
            parts=tuple(parts),
        )
        document = result.to_document()
        docs.write_index(document)
    write_quarantine(out / "quarantine.parquet", result.parts)
    write_text(out / "result.json", json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return result
