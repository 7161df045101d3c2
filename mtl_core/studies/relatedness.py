"""Which tasks belong together."""

from mtl_core.declared import Declared
from mtl_core.studies.made import Made

__all__ = ["Relatedness"]


class Relatedness(Declared):
    """The study's file."""

    made: Made
