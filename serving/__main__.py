"""The service's first process, `python -m serving ARGUMENTS`: what must be done before BentoML is imported."""

import runpy
import signal
import sys

from serving.lifeline import end_with_parent
from serving.scratch import own_scratch


def main() -> None:
    """Become `bentoml`; ends with the process that started it, if that has a lifeline, and its workers with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until BentoML handles it: Ctrl-C during its imports is no traceback
    end_with_parent()
    own_scratch()
    sys.argv[0] = "bentoml"
    runpy.run_module("bentoml", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
