"""The suite: expectations of a part, in the JSON of Great Expectations that people edit."""

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
        """Every column that some expectation speaks about, once."""
        return tuple(dict.fromkeys(column for expectation in self.expectations for column in expectation.columns))


def suite_path(folder: Path, problem: Problem) -> Path:
    """Path of a problem's suite, as a Great Expectations project in `gx/` has it."""
    return folder / "gx" / "expectations" / f"{problem.name}.json"


def load_suite(path: Path) -> Suite:
    """Read a suite; DataError where it is not one. Unknown expectations are refused by the runner."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: the problem has no suite yet; `mtl profile` writes one from its data") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: must be JSON, found: {error}; repair it, or begin again with `mtl profile --force`"
        ) from None
    if not isinstance(document, dict) or not isinstance(document.get("expectations"), list):
        raise DataError(f"{path}: must be an object with `name` and a list `expectations`, found {document!r:.60}")
    entries = enumerate(document["expectations"])
    return Suite(
        name=str(document.get("name", path.stem)),
        expectations=tuple(_expectation(f"{path}: expectations[{position}]", entry) for position, entry in entries),
    )


def _expectation(where: str, entry: Any) -> Expectation:
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


def suite_text(suite: Suite) -> str:
    """The suite as JSON: the order is the expectations' own, and an expectation's arguments stand on one line."""
    entries = []
    for expectation in suite.expectations:
        shown: dict[str, Any] = {"type": expectation.type, "kwargs": expectation.kwargs}
        shown |= {"meta": expectation.meta} if expectation.meta else {}
        shown |= {"notes": expectation.notes} if expectation.notes else {}
        shown["severity"] = expectation.severity
        lines = (f'      "{key}": {json.dumps(value, ensure_ascii=False)}' for key, value in shown.items())
        entries.append("    {\n" + ",\n".join(lines) + "\n    }")
    body = ",\n".join(entries)
    head = f'{{\n  "name": {json.dumps(suite.name)},\n  "meta": {{}},\n  "notes": null,\n  "expectations": ['
    return f"{head}\n{body}\n  ]\n}}\n"


def write_suite(path: Path, suite: Suite) -> None:
    """Replace the file in one step."""
    write_text(path, suite_text(suite))


def differences(old: Suite, new: Suite) -> tuple[str, ...]:
    """A line per expectation that differs, `+` added, `-` removed, `~` changed; empty where they expect the same."""
    before, after = _keyed(old.expectations), _keyed(new.expectations)
    lines = [f"- {_named(found)}" for key, found in before.items() if key not in after]
    for key, wanted in after.items():
        if key not in before:
            lines.append(f"+ {_named(wanted)}")
        elif (found := before[key]).kwargs != wanted.kwargs or found.severity != wanted.severity:
            lines.append(f"~ {_named(found)} becomes {wanted}")
    return tuple(lines)


def _keyed(expectations: Sequence[Expectation]) -> dict[tuple[Any, ...], Expectation]:
    found: dict[tuple[Any, ...], Expectation] = {}
    repeats: Counter[tuple[Any, ...]] = Counter()
    for expectation in expectations:
        key = expectation.key
        found[(*key, repeats[key])] = expectation
        repeats[key] += 1
    return found


def _named(expectation: Expectation) -> str:
    return ": ".join([*([", ".join(expectation.columns)] if expectation.columns else []), str(expectation)])
