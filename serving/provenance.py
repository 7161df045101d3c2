"""Provenance of a version: data, code, packages and machine of its training, from which `mtl reproduce` repeats it.

HOME/models/NAME/VERSION/provenance.json    absent in versions of `mtl add-task` and of an earlier Trunkline
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec

from serving.errors import StoreError

PROVENANCE_FILE = "provenance.json"
FORMATS = (1,)

_FILE = re.compile(r"params\.yaml|dvc\.yaml|dvc\.lock|data\.dvc|gx/expectations/[^/\\]+\.json")
"""Files that a provenance may contain: `mtl reproduce` writes them, so no other path is accepted."""

Revision = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{40,64}$")]


class PinnedData(msgspec.Struct, frozen=True, kw_only=True):
    """Data of the training. hash: DVC's hash of `data/`. files: path below it -> md5, where `data.dvc` lists them."""

    hash: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}(\.dir)?$")]
    files: dict[str, str] = {}


class Experiment(msgspec.Struct, frozen=True, kw_only=True):
    """The DVC experiment of the run: a commit of all tracked files as they were."""

    name: str
    revision: Revision


class CodeRevision(msgspec.Struct, frozen=True, kw_only=True):
    """Git commit of the training.

    folder: the problem's folder, relative to the repository; "" for its root. changed: tracked files that differed from
    the commit, without those that a run or a study writes.
    """

    revision: Revision
    folder: str = ""
    changed: tuple[str, ...] = ()
    experiment: Experiment | None = None

    def __post_init__(self) -> None:
        if self.folder.startswith("/") or ".." in self.folder.split("/"):
            raise ValueError(f"folder must be a path inside the repository, found {self.folder!r}")

    @property
    def short(self) -> str:
        """First digits of the commit, with a + where tracked files differed from it."""
        return self.revision[:8] + ("+" if self.changed else "")


class StageTime(msgspec.Struct, frozen=True, kw_only=True):
    """Wall time and processor time of a stage, in seconds."""

    seconds: float
    processor_seconds: float


class ModelProvenance(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `mtl reproduce` needs beyond a clone of the repository and a source of the data.

    created: time of the save (UTC). code: None outside of git. data: None if the run did not record their hash.
    files: texts of params.yaml, dvc.yaml, dvc.lock, data.dvc and the expectation suite. packages: versions.
    processor: model name. stages: times of those that ran; an up-to-date stage has none.
    """

    format: int = 1
    created: datetime
    seed: int | None = None
    data: PinnedData | None = None
    code: CodeRevision | None = None
    files: dict[str, str] = {}
    packages: dict[str, str] = {}
    processor: str = ""
    stages: dict[str, StageTime] = {}

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ValueError(f"format must be {' or '.join(map(str, FORMATS))}, found {self.format}")
        if unknown := [name for name in self.files if not _FILE.fullmatch(name)]:
            raise ValueError(f"files must be those of a problem, found {unknown[0]!r}")

    def replaced_by(self, later: "ModelProvenance") -> "ModelProvenance":
        """The provenance to keep when the same bytes are saved again.

        The first one, since it is that of the training; except that one of a clean working tree replaces one with
        changed files, and one with a commit or a data hash replaces one without.
        """
        is_completer = _completeness(later) > _completeness(self)
        return msgspec.structs.replace(later, created=self.created) if is_completer else self

    def with_experiment(self, experiment: Experiment, parent: str) -> "ModelProvenance":
        """The provenance with an experiment that was saved on top of the commit `parent`; unchanged for another one."""
        if self.code is None or self.code.revision != parent:
            return self
        return msgspec.structs.replace(self, code=msgspec.structs.replace(self.code, experiment=experiment))


def read_provenance(folder: Path) -> ModelProvenance | None:
    """Provenance in a version's folder; None without one. Raises StoreError for a damaged file."""
    path = folder / PROVENANCE_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=ModelProvenance)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(
            f"{path}: must be the provenance of a version, found {error}; `mtl retrain` on the same data and params "
            "writes it again"
        ) from error


def _completeness(provenance: ModelProvenance) -> tuple[bool, bool, bool]:
    code = provenance.code
    return code is not None, code is not None and not code.changed, provenance.data is not None
