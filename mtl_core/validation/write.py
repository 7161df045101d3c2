"""`mtl profile`: writes a problem's suite, and overwrites an edited one only if told to."""

from collections.abc import Sequence
from pathlib import Path

from mtl_core.config import Problem
from mtl_core.data.parts import Part, open_data
from mtl_core.errors import DataError, nearest
from mtl_core.validation.profile import profile
from mtl_core.validation.suite import Suite, differences, load_suite, suite_path, write_suite

__all__ = ["write_profile"]


def write_profile(
    folder: Path, problem: Problem, references: Sequence[str] = (), *, force: bool = False
) -> tuple[str, ...]:
    """Profile the named parts (all where none is named) and write gx/expectations/NAME.json.

    Returns:
        what was done, line by line.

    Raises:
        DataError: a part that is not there, or a suite that says something else and may not be overwritten.
    """
    path = suite_path(folder, problem)
    where = path.relative_to(folder).as_posix()
    problem, sources = open_data(folder, problem)
    suite = profile(problem, [_named(name, sources) for name in references] or sources)
    if not path.exists():
        write_suite(path, suite)
        return (f"{where}: {len(suite.expectations)} expectations; read and edit them, they are yours now",)
    changes = _changes(path, suite, force=force)
    if not changes:
        return (f"{where}: unchanged",)
    if not force:
        raise DataError(
            "\n".join(
                [
                    f"{where}: is not overwritten, since people edit it; profiling would make {len(changes)} changes:",
                    *(f"  {line}" for line in changes),
                    "edit the file, or overwrite it with --force",
                ]
            )
        )
    write_suite(path, suite)
    return (f"{where}: overwritten, {len(changes)} changes:", *(f"  {line}" for line in changes))


def _named(name: str, sources: Sequence[Part]) -> Part:
    for part in sources:
        if part.name == name:
            return part
    raise DataError(f"--reference: no part {name!r}; {nearest(name, [part.name for part in sources])}")


def _changes(path: Path, suite: Suite, *, force: bool) -> tuple[str, ...]:
    try:
        return differences(load_suite(path), suite)
    except DataError as error:
        if not force:
            raise
        return (f"- what could not be read: {error}",)
