"""Whether sharing pays, task by task."""

from mtl_core.declared import Declared
from mtl_core.studies.made import Made

__all__ = ["Comparison"]


class Comparison(Declared):
    """The study's file."""

    made: Made
