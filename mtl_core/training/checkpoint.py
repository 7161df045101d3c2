"""Checkpoints: an interrupted training resumes after its last complete epoch and gives the same result.

Layout of the checkpoint folder; every file is written to a temporary name and renamed:

    checkpoint.safetensors    network, its average, optimiser and balancing after an epoch; the rest as JSON metadata
    epoch-0003.safetensors    weights of an epoch that may still become a teacher or the model
    teacher-NAME.npy          soft targets, (training rows, outputs) logits
    finetune/                 outputs of the chosen epoch's trunk, while heads are fine-tuned on them
"""

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

import mtl_core
from mtl_core.distillation.store import TeacherStore
from mtl_core.files import pending


def fingerprint(*texts: str) -> str:
    """Digest of the texts, the version of torch and the source of this library, on which a checkpoint depends."""
    digest = hashlib.sha256(torch.__version__.encode())
    root = Path(mtl_core.__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    for text in texts:
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()


def save_weights(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file atomically."""
    with pending(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, metadata=metadata)


class CheckpointStore:
    """The checkpoint folder of a training; emptied if it is of another problem, data, code or version."""

    def __init__(self, folder: Path, digest: str) -> None:
        self.folder, self.digest, self.teachers = folder, digest, TeacherStore(folder)
        self._checkpoint = folder / "checkpoint.safetensors"

    def save(self, modules: Mapping[str, nn.Module], optimizer: Optimizer, state: dict[str, Any]) -> None:
        """Write the state after an epoch; `state` is what has no tensors."""
        tensors = {
            f"{module_name}.{name}": tensor
            for module_name, module in modules.items()
            for name, tensor in module.state_dict().items()
        }
        for position, values in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{position}.{key}": value for key, value in values.items()}
        save_weights(self._checkpoint, tensors, {"digest": self.digest, "state": json.dumps(state)})

    def restore(self, modules: Mapping[str, nn.Module], optimizer: Optimizer) -> dict[str, Any] | None:
        """Load the last checkpoint into modules and optimiser, and return its state; None if there is none."""
        try:
            with safe_open(self._checkpoint, framework="pt") as file:
                metadata = file.metadata() or {}
        except (FileNotFoundError, SafetensorError):
            metadata = {}
        if metadata.get("digest") != self.digest:
            self.clear()
            return None
        tensors = load_file(self._checkpoint)
        for name, module in modules.items():
            module.load_state_dict(_with_prefix(f"{name}.", tensors))
        optimizer_state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _with_prefix("optimizer.", tensors).items():
            position, key = name.split(".")
            optimizer_state.setdefault(int(position), {})[key] = tensor
        optimizer.load_state_dict({"state": optimizer_state, "param_groups": optimizer.state_dict()["param_groups"]})
        state: dict[str, Any] = json.loads(metadata["state"])
        return state

    def save_epoch(self, epoch: int, network: nn.Module) -> None:
        """Write the weights after that epoch."""
        save_weights(self._epoch(epoch), network.state_dict())

    def weights(self, epoch: int) -> dict[str, Tensor]:
        """The weights after that epoch, as `save_epoch` wrote them."""
        return load_file(self._epoch(epoch))

    def prune(self, epochs: Iterable[int]) -> None:
        """Remove the weights of all other epochs."""
        needed = {self._epoch(epoch) for epoch in epochs}
        for path in set(self.folder.glob("epoch-*.safetensors")) - needed:
            path.unlink()

    @contextmanager
    def temporary_folder(self, name: str) -> Iterator[Path]:
        """An empty folder of that name, removed on exit; leftovers from a crash are discarded."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)

    def clear(self) -> None:
        """Remove everything in the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)

    def _epoch(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch:04}.safetensors"


def _with_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
