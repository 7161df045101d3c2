"""A possible leak, as `mtl init` and `mtl check` show it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Leak:
    """Columns, the target that they predict, and a description with the measure."""

    columns: tuple[str, ...]
    target: str
    description: str

    @property
    def question(self) -> str:
        """The question for the user that decides whether it is a leak."""
        which = "is it" if len(self.columns) == 1 else "are they"
        return f"{which} known at prediction time?"
