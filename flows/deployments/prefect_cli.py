"""Prefect's command line in this process, `python -m flows.deployments.prefect_cli ARGUMENTS`.

The process ends with the one that started it, also after `kill -9`.
"""

import runpy
import sys

from serving.lifeline import end_with_parent


def run_prefect(*arguments: str) -> int:
    """Run `prefect ARGUMENTS`, without questions; returns its exit code."""
    before, sys.argv = sys.argv, ["prefect", "--no-prompt", *arguments]
    try:
        runpy.run_module("prefect", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
    return 0


if __name__ == "__main__":
    end_with_parent()
    sys.exit(run_prefect(*sys.argv[1:]))
