"""The exception tree of Trunkline.

TrunklineError
├── ProblemError       params.yaml does not declare a problem that can be run
├── DataError          the data do not fit the declared problem
│   └── ValidationFailed   a part breaks its expectations
├── TrainingError      training cannot continue (a loss that is not finite, a checkpoint that does not fit)
├── ExportError        the exported graph would not predict the same as the network
├── CheckFailed        a gate was not passed
├── PromotionRefused   the candidate is worse than the champion in a task or slice, or was rejected
├── ToolError          an external tool (DVC, BentoML, Prefect) failed
├── RunInProgress      another command works on the same problem
└── SystemFailure      the operating system refused: a full disk, a folder that cannot be written, ...

A message has the name, the rule, the value found and the fix, in this order.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any


class TrunklineError(Exception):
    """Base of the tree. `exit_code` is what the command line returns for it.

    `result`: result of the command all the same, which `--json` prints; None without one.
    """

    exit_code = 1
    result: Any = None


class ProblemError(TrunklineError):
    """`params.yaml` does not declare a problem that can be run."""

    exit_code = 2


class DataError(TrunklineError):
    """The data do not fit the declared problem."""

    exit_code = 3


class ValidationFailed(DataError):
    """A part breaks its expectations by more than the declared share."""


class TrainingError(TrunklineError):
    """Training cannot continue."""

    exit_code = 4


class ExportError(TrunklineError):
    """The exported graph would not predict the same as the network."""

    exit_code = 5


class CheckFailed(TrunklineError):
    """A gate was not passed."""

    exit_code = 6


class PromotionRefused(TrunklineError):
    """The candidate is worse than the champion in a task."""

    exit_code = 7


class ToolError(TrunklineError):
    """An external tool (DVC, BentoML, Prefect) failed."""

    exit_code = 8


class RunInProgress(TrunklineError):
    """Another command works on the same problem."""

    exit_code = 9


class SystemFailure(TrunklineError):
    """The operating system refused: a full disk, a folder that cannot be written, too many open files."""

    exit_code = 10


MAX_NAMES = 40
"""Maximum names that an error lists."""


def suggestion(name: str, valid: Sequence[str]) -> str:
    """`did you mean 'x'?`, or the valid names where none is similar."""
    if close := get_close_matches(name, valid, n=1):
        return f"did you mean {close[0]!r}?"
    more = f" ... ({len(valid):,} in all)" if len(valid) > MAX_NAMES else ""
    return f"valid: {', '.join(valid[:MAX_NAMES])}{more}"
