"""First process of the service, `python -m serving ARGUMENTS`: setup that must precede the import of BentoML."""

import runpy
import signal
import sys

from serving.lifeline import end_with_parent
from serving.scratch import use_scratch


def main() -> None:
    """Become `bentoml`; it ends with the process that started it, if that has a lifeline, and its workers with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until BentoML handles it: no traceback for Ctrl-C during its imports
    end_with_parent()
    use_scratch()
    sys.argv[0] = "bentoml"
    runpy.run_module("bentoml", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
