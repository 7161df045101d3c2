"""The half of the suite that a problem belongs to, decided before anything was measured on it.

The rule: the problems in FIXED are "chosen", since the defaults were studied on them before this suite existed. All
others, those split by time apart from the rest so that drift is in both halves, are sorted by the SHA-256 of their
name; the second of every three is "chosen", the others are "unseen". The list of problems is not changed after a
measurement.
"""

import hashlib
from collections.abc import Collection, Mapping
from typing import Literal

Half = Literal["chosen", "unseen", "in full"]
"""Looked at while defaults are chosen, only once they are, or beside the suite."""
FIXED = ("flights", "films", "yeast", "census", "diamonds", "loans", "health_plans")
"""The main job, the three examples, and three tables that an earlier study of the defaults used."""


def halves(by_time: Mapping[str, bool]) -> dict[str, Half]:
    """The half of each problem. `by_time`: name -> whether its rows are split by time."""
    found: dict[str, Half] = dict.fromkeys(FIXED, "chosen")
    for stratum in (True, False):
        found |= _dealt([name for name, timed in by_time.items() if timed is stratum and name not in FIXED])
    return found


def _dealt(names: Collection[str]) -> dict[str, Half]:
    order = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return {name: "chosen" if place % 3 == 1 else "unseen" for place, name in enumerate(order)}
