"""How numbers came about: what stands beside them in every file that is kept."""

from mtl_core.declared import Declared

__all__ = ["Made"]


class Made(Declared):
    """What it takes to make them again."""

    command: str
    commit: str
    """Of the code; "" where it was in no git repository, with a + where files differed from it."""
    seeds: tuple[int, ...]
    machine: str
    """Processor, cores in use, system."""
    versions: dict[str, str]
    """Of Python, and of the packages that decide the numbers."""
