"""The suite: expectations of every part, as a JSON file of Great Expectations that people edit."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from mtl_core.config import Problem
from mtl_core.errors import DataError
from mtl_core.expectations import Expectation, Severity
from mtl_core.files import write_text

SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """All expectations of a problem, in the order of the file."""

    name: str
    expectations: tuple[Expectation, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Distinct columns of the expectations, in order."""
        return tuple(dict.fromkeys(column for expectation in self.expectations for column in expectation.columns))


def suite_path(folder: Path, problem: Problem) -> Path:
    """Path of a problem's suite, in the layout of a Great Expectations project in `gx/`."""
    return folder / "gx" / "expectations" / f"{problem.name}.json"


def load_suite(path: Path) -> Suite:
    """Read a suite; DataError for any other file. The runner refuses unknown expectations."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: the problem has no suite yet; `mtl profile` writes one from its data") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: must be JSON, found: {error}; repair it, or replace it with `mtl profile --force`"
        ) from None
    if not isinstance(document, dict) or not isinstance(document.get("expectations"), list):
        raise DataError(f"{path}: must be an object with `name` and a list `expectations`, found {document!r:.60}")
    return Suite(
        name=str(document.get("name", path.stem)),
        expectations=tuple(
            _parse(f"{path}: expectations[{position}]", entry)
            for position, entry in enumerate(document["expectations"])
        ),
    )


def _parse(where: str, entry: Any) -> Expectation:
    if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
        raise DataError(f"{where}: must be an object with `type` and `kwargs`, found {entry!r:.80}")
    kwargs = entry.get("kwargs", {})
    if not isinstance(kwargs, dict):
        raise DataError(f"{where}.kwargs: must be an object, found {kwargs!r:.80}")
    severity = entry.get("severity") or "critical"
    if severity not in SEVERITIES:
        raise DataError(f"{where}.severity: must be one of {', '.join(SEVERITIES)}, found {severity!r}")
    notes = entry.get("notes") or ""
    return Expectation(
        type=entry["type"],
        kwargs=kwargs,
        notes="\n".join(notes) if isinstance(notes, list) else str(notes),
        severity=severity,
        meta=entry.get("meta") or {},
    )


def write_suite(path: Path, suite: Suite) -> None:
    """Replace the file in one step. Each key of an expectation has a line, so that people can edit and compare it."""
    entries = []
    for expectation in suite.expectations:
        entry = {
            "type": expectation.type,
            "kwargs": expectation.kwargs,
            "meta": expectation.meta,
            "notes": expectation.notes,
            "severity": expectation.severity,
        }
        lines = (
            f'      "{key}": {json.dumps(value, ensure_ascii=False)}'
            for key, value in entry.items()
            if value or key == "kwargs"
        )
        entries.append("    {\n" + ",\n".join(lines) + "\n    }")
    body = ",\n".join(entries)
    head = f'{{\n  "name": {json.dumps(suite.name)},\n  "meta": {{}},\n  "notes": null,\n  "expectations": ['
    write_text(path, f"{head}\n{body}\n  ]\n}}\n")


def differences(old: Suite, new: Suite) -> tuple[str, ...]:
    """A line per expectation that differs: `+` added, `-` removed, `~` changed. Notes and order do not count."""
    before, after = _by_key(old.expectations), _by_key(new.expectations)
    lines = [f"- {_text(expectation)}" for key, expectation in before.items() if key not in after]
    for key, expectation in after.items():
        if key not in before:
            lines.append(f"+ {_text(expectation)}")
        elif (previous := before[key]).kwargs != expectation.kwargs or previous.severity != expectation.severity:
            lines.append(f"~ {_text(previous)} becomes {expectation}")
    return tuple(lines)


def _by_key(expectations: Sequence[Expectation]) -> dict[tuple[Any, ...], Expectation]:
    """(columns, type, number of the repetition) -> expectation."""
    by_key: dict[tuple[Any, ...], Expectation] = {}
    repeats: Counter[tuple[Any, ...]] = Counter()
    for expectation in expectations:
        key = expectation.key
        by_key[(*key, repeats[key])] = expectation
        repeats[key] += 1
    return by_key


def _text(expectation: Expectation) -> str:
    columns = ", ".join(expectation.columns)
    return f"{columns}: {expectation}" if columns else str(expectation)
