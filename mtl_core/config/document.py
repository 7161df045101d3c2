"""`params.yaml` as a document. The only place that reads YAML. What it means is for `mtl_core.config`, which knows
every option and so imports what implements it; who needs the name of the problem alone need not wait for that.
"""

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mtl_core.errors import ProblemError

__all__ = ["NAME", "PARAMS", "problem_name", "read_params"]

PARAMS = "params.yaml"
NAME = r"^[a-z][a-z0-9_-]{0,62}$"
"""Of a problem: small letters, digits, - and _."""


def read_params(folder: Path) -> Any:
    """What `params.yaml` of a problem's folder holds (YAML 1.2, safe loading), not yet checked; raises ProblemError."""
    path = folder / PARAMS
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ProblemError(
            f"{path}: not found; a problem is a folder with {PARAMS}: go to one, name one with -C FOLDER, "
            "or make one with `mtl init FILE --tasks a,b`"
        ) from None
    except OSError as error:
        raise ProblemError(f"{path}: must be a readable file, found: {error.strerror}") from None
    except MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ProblemError(f"{path}: must be YAML, found: {line}{error.problem}") from None
    # The parser lets Python's own errors through: a month 13, a number of 5,000 digits, `!!bool abc`, deep nesting.
    except (YAMLError, ValueError, KeyError, RecursionError) as error:
        raise ProblemError(f"{path}: must be YAML, found: {str(error).splitlines()[0]}") from None


def problem_name(folder: Path) -> str:
    """The name under which a folder's models lie in the store, whatever else its `params.yaml` says."""
    document = read_params(folder)
    name = document.get("name") if isinstance(document, dict) else None
    # fullmatch, since `$` lets a line break pass.
    if not isinstance(name, str) or not re.fullmatch(NAME, name):
        raise ProblemError(
            f"{folder / PARAMS}: name must be small letters, digits, - and _, found {name!r:.60}; "
            "`mtl check` says all that is wrong with the file"
        )
    return name
