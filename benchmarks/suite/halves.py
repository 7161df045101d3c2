"""The half of the suite to which a problem belongs, decided before any measurement on it.

The rule: the problems in FIXED are "chosen", since the defaults were studied on them before this suite existed. All
others are sorted by the SHA-256 of their name, separately for problems split by time so that drift is in both halves;
the second of every three is "chosen", the others are "unseen". The list of problems is not changed after a measurement.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Literal

Half = Literal["chosen", "unseen", "in full"]
"""Used to choose the defaults, evaluated only after that, or not part of the suite."""
FIXED = ("flights", "films", "yeast", "census", "diamonds", "loans", "health_plans")
"""The problem in the root, the three examples, and three tables that an earlier study of the defaults used."""


def halves(by_time: Mapping[str, bool]) -> dict[str, Half]:
    """The half of each problem. `by_time`: name -> True if its rows are split by time."""
    half_of: dict[str, Half] = dict.fromkeys(FIXED, "chosen")
    for stratum in (True, False):
        half_of |= _assign([name for name, timed in by_time.items() if timed is stratum and name not in FIXED])
    return half_of


def _assign(names: Collection[str]) -> dict[str, Half]:
    order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return {name: "chosen" if index % 3 == 1 else "unseen" for index, name in enumerate(order)}
