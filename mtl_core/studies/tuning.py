"""Which options suit the problem."""

from mtl_core.declared import Declared
from mtl_core.studies.made import Made

__all__ = ["Tuning"]


class Tuning(Declared):
    """The study's file."""

    made: Made
