"""Refused versions: their checks failed, or they lost against a champion. They stay in the store.

HOME/models/NAME/VERSION/checks.json     {"passed", "checks": [{"name", "outcome", "message", ...}], "graph_sha256",
                                         "signature_sha256", ...}: the bytes that were checked
HOME/models/NAME/VERSION/refused.json    {"champion", "reasons", "at"}, where the version lost a comparison
"""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from serving.champion import write_json
from serving.errors import StoreError

CHECKS_FILE, LOST_FILE = "checks.json", "refused.json"


class CheckEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A check: its name, its outcome, and a sentence with both."""

    name: str
    passed: bool = False
    outcome: str = ""
    """passed, warning or failed; "" in files of Trunkline versions without warnings."""
    message: str = ""

    @property
    def failed(self) -> bool:
        """True if the check refuses the model; a warning does not."""
        return self.outcome == "failed" if self.outcome else not self.passed


class Checks(msgspec.Struct, frozen=True, kw_only=True):
    """Outcome of the stage `check`, and the bytes that it checked; "" in files of earlier versions of Trunkline."""

    passed: bool
    checks: tuple[CheckEntry, ...] = ()
    graph_sha256: str = ""
    signature_sha256: str = ""

    @property
    def is_bound(self) -> bool:
        """True if the file names the bytes that were checked."""
        return bool(self.graph_sha256 and self.signature_sha256)


class LostComparison(msgspec.Struct, frozen=True, kw_only=True):
    """A lost comparison: the champion, a reason per task that is worse, and when (UTC)."""

    champion: str
    reasons: tuple[str, ...]
    at: datetime


def read_checks(path: Path) -> Checks:
    """Read checks.json; StoreError if it does not say whether the checks passed."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Checks)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f'{path}: "passed" must be true or false, found {error}; run the check stage') from error


def write_lost_comparison(folder: Path, champion: str, reasons: tuple[str, ...]) -> None:
    """Record in a version's folder that it lost against a champion."""
    write_json(folder / LOST_FILE, LostComparison(champion=champion, reasons=reasons, at=datetime.now(UTC)))


def read_reasons(folder: Path) -> tuple[str, ...]:
    """Reasons why a version was refused: its failed checks, then the tasks in which it lost; empty if it was not.

    Raises StoreError.
    """
    checks, lost = read_checks(folder / CHECKS_FILE), _read_lost_comparison(folder / LOST_FILE)
    reasons = []
    if not checks.passed:
        reasons = [check.message or f"{check.name}: failed" for check in checks.checks if check.failed]
        reasons = reasons or [f"{CHECKS_FILE} says passed: false"]
    if lost is not None:
        reasons += [f"against {lost.champion}: {reason}" for reason in lost.reasons]
    return tuple(reasons)


def _read_lost_comparison(path: Path) -> LostComparison | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=LostComparison)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{path}: must be the record of a lost comparison, found {error}; `mtl retrain` on the same data and "
            "params writes it anew, or removes it"
        ) from error
