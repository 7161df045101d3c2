"""Arrow's compute functions, imported at the first call.

Their import makes a wrapper for each of some 300 functions, which costs a command that only reads declarations 7 % of
its time.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    import pyarrow.compute

    return getattr(pyarrow.compute, name)
