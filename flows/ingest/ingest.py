"""Ingest of part files and labels: check, then change data/ and data.dvc in one step."""

import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from flows.ingest.arrival import Checker
from flows.ingest.copy import check_last_line, check_name, errors_about, stage
from flows.ingest.journal import change_files, discard_staged
from flows.ingest.result import IngestResult, LabelUpdate, PartArrival
from flows.ingest.rewrite import rewrite
from flows.ingest.updates import MAX_EXAMPLES, find_changes, show
from flows.layout import Layout
from flows.pipeline.listing import md5
from flows.pipeline.pin import DATA, PIN, cache, exclusive_data, fetch, pin_with, pinned_files
from mtl_core.config import PARAMS, Problem, load_problem
from mtl_core.data.part_files import PartFile, open_files
from mtl_core.data.parts import as_parts
from mtl_core.errors import DataError, ProblemError
from mtl_core.validation.results import PartValidation


def ingest_files(
    folder: Path,
    parts: Sequence[Path],
    updates: Sequence[Path] = (),
    *,
    replace_parts: bool = False,
    today: date | None = None,
) -> IngestResult:
    """Add the part files to the data, then update labels; each file is accepted or refused by itself.

    The caller holds the run lock. Data that are missing are fetched first.

    Args:
        updates: files of keys and labels.
        replace_parts: let a part replace the present one of its name.
        today: the date in UTC, for tests.

    Raises:
        DataError: the data are not pinned, differ from their pin, or are a single file.
    """
    folder = folder.resolve()
    ingest = _Ingest(folder, load_problem(folder), today)
    try:
        arrivals = ingest.add(parts, replace_parts)
        result = IngestResult(parts=arrivals, updates=tuple(ingest.update(path) for path in updates))
    finally:
        discard_staged(folder)
    if result.changed_parts:
        cache(folder)
    return result


class _Ingest:
    """The data of a problem while they change."""

    def __init__(self, folder: Path, problem: Problem, today: date | None) -> None:
        self._folder, self._problem = folder, problem
        self._root = _data_folder(folder, problem)
        fetch(folder)
        self._checker = Checker(folder, problem, today)
        self._pinned = dict(pinned_files(folder))
        self._staged = 0

    def add(self, paths: Sequence[Path], replace_parts: bool) -> tuple[PartArrival, ...]:
        accepted: dict[Path, Path] = {}  # path in the data -> staged file
        replaced = frozenset(path.name for path in paths) if replace_parts else frozenset()
        arrivals = []
        for path in paths:
            staged = self._stage(path.name)
            try:
                with errors_about(path, staged):
                    arrivals.append(self._arrive(path, staged, accepted, replaced))
            except (DataError, ProblemError) as error:
                arrivals.append(PartArrival(file=str(path), name=path.name, outcome="refused", message=str(error)))
        self._change(accepted)
        return tuple(arrivals)

    def _arrive(self, path: Path, staged: Path, accepted: dict[Path, Path], replaced: frozenset[str]) -> PartArrival:
        check_name(path, self._problem.data)
        stage(path, staged)
        digest = md5(staged)
        # The bytes of a part that is about to be replaced may come back under another name.
        contents = self._contents(replaced - {path.name})
        contents |= {md5(file): target.name for target, file in accepted.items()}
        if (name := contents.get(digest)) is not None:
            return PartArrival(file=str(path), name=name, outcome="present")
        target = self._root / path.name
        if target in accepted:
            raise DataError(f"{path}: the files must have distinct names, found {path.name!r} twice; rename one")
        if (exists := target.exists()) and path.name not in replaced:
            raise DataError(
                f"{path}: a part of this name must not be in the data yet, found {target.name} with other content; "
                "rename the file to add its rows, or use --replace to replace that part"
            )
        check_last_line(staged, self._problem.data)
        (file,) = open_files(staged, self._problem.data)
        validation = self._checker.check(file, self._files(accepted, without=target))
        accepted[target] = staged
        return PartArrival(
            file=str(path),
            name=path.name,
            outcome="replaced" if exists else "added",
            rows=validation.rows,
            quarantined=validation.quarantined,
            reasons=_quarantine_lines(validation),
        )

    def update(self, path: Path) -> LabelUpdate:
        staged = self._stage(path.name)
        try:
            with errors_about(path, staged):
                return self._update(path, staged)
        except (DataError, ProblemError) as error:
            return LabelUpdate(file=str(path), outcome="refused", message=str(error))

    def _update(self, path: Path, staged: Path) -> LabelUpdate:
        data = self._problem.data
        if data.format is not None:
            raise ProblemError(
                f"{PARAMS}: labels can be updated in .parquet, .csv, .tsv, .jsonl and .ndjson files, found "
                f"data.format: {data.format}; replace the part with `mtl ingest --replace`"
            )
        check_name(path, data)
        stage(path, staged)
        check_last_line(staged, data)
        (file,) = open_files(staged, data)
        files = self._files({})
        changes = find_changes(self._problem, file, files)
        moves: dict[Path, Path] = {}
        for part, replacements in changes.parts:
            rewritten = self._stage(part.name)
            rewritten.parent.mkdir(parents=True)
            with errors_about(part.path, rewritten):
                written = rewrite(part, replacements, rewritten)
                others = [other for other in files if other.path != part.path]
                self._checker.validate(as_parts([*others, written], data.reading)[-1])
            moves[part.path] = rewritten
        self._change(moves)
        examples = ", ".join(map(show, changes.unknown[:MAX_EXAMPLES]))
        return LabelUpdate(
            file=str(path),
            outcome="updated" if moves else "unchanged",
            filled=changes.filled,
            changed=changes.changed,
            unchanged=changes.unchanged,
            unknown=len(changes.unknown),
            parts=tuple(target.name for target in moves),
            message=f"unknown keys, such as {examples}" if examples else "",
        )

    def _change(self, moves: Mapping[Path, Path]) -> None:
        """Move staged files into the data, and pin the data, in one step."""
        if not moves:
            return
        names = {target.relative_to(self._folder / DATA).as_posix(): file for target, file in moves.items()}
        digests = {name: md5(file) for name, file in names.items()}
        pin = self._stage(PIN)
        pin.parent.mkdir(parents=True)
        with exclusive_data(self._folder):
            pin.write_text(pin_with(self._folder, names, self._pinned), encoding="utf-8")
            change_files(self._folder, {**{file: target for target, file in moves.items()}, pin: self._folder / PIN})
        self._pinned |= digests

    def _files(self, accepted: Mapping[Path, Path], without: Path | None = None) -> list[PartFile]:
        """The present part files and the accepted ones, without those that are replaced."""
        replaced = {*accepted, without}
        files = [file for file in open_files(self._root, self._problem.data) if file.path not in replaced]
        return files + [file for path in accepted.values() for file in open_files(path, self._problem.data)]

    def _contents(self, left_out: frozenset[str]) -> dict[str, str]:
        """MD5 -> name, of the files in the folder of the parts, without those of these names."""
        prefix = self._root.relative_to(self._folder / DATA).as_posix()
        names = self._pinned if prefix == "." else [name for name in self._pinned if name.startswith(f"{prefix}/")]
        return {self._pinned[name]: Path(name).name for name in names if Path(name).name not in left_out}

    def _stage(self, name: str) -> Path:
        """A new path to stage a file of that name."""
        self._staged += 1
        return Layout(self._folder).staging / str(self._staged) / name


def _data_folder(folder: Path, problem: Problem) -> Path:
    """The folder of the parts; DataError if no part can be added to it."""
    root = Path(os.path.normpath(folder / problem.data.path))
    if not (folder / PIN).exists():
        raise DataError(
            f"{folder / PIN}: the data must be pinned by DVC before parts are added, found no such file; run "
            f"`dvc add {DATA}` in {folder} (after `dvc init` in a new repository)"
        )
    if not root.resolve().is_relative_to((folder / DATA).resolve()):
        raise DataError(
            f"data.path: must be below {DATA}/, which {PIN} pins, to add parts, found {problem.data.path!r}; move the "
            "data there"
        )
    if root.is_file():
        new = f"{DATA}/{root.stem}"
        raise DataError(
            f"data.path: must be a folder of part files to add parts, found the file {problem.data.path!r}; move it "
            f"into a folder: `mkdir {new} && mv {problem.data.path} {new}/`, set data.path to {new}, and run "
            f"`dvc add {DATA}`"
        )
    return root


def _quarantine_lines(validation: PartValidation) -> tuple[str, ...]:
    """A line per broken expectation about the rows that the stage `validate` will quarantine."""
    return tuple(
        result.text for result in validation.results if result.level == "row" and result.broken and result.unexpected
    )
