"""The champion to which a task is added, and the refusals of one that cannot take it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from flows.environment import store_home
from mtl_core.config import Problem
from mtl_core.data.encoder import Encoder
from mtl_core.errors import DataError, ExportError, ProblemError, suggestion
from mtl_core.export.exported_model import ExportedModel
from mtl_core.export.matrices import Matrix, input_matrices
from mtl_core.export.representation import RowTensor, head_count, head_inputs, input_vectors
from mtl_core.export.signature import changed_columns
from mtl_core.input_types import InputType
from serving.store import Store


@dataclass(frozen=True, kw_only=True)
class FrozenChampion:
    """A champion, as its files in the store are."""

    version: str
    model: onnx.ModelProto
    signature: dict[str, Any]

    @property
    def matrices(self) -> list[Matrix]:
        """The matrices among the inputs of its graph."""
        return input_matrices(self.signature)

    @property
    def sequences(self) -> dict[str, str]:
        """Output of level token -> its column."""
        columns: dict[str, str] = {}
        for output in self.signature["outputs"]:
            if "sequence" in output:
                columns |= dict.fromkeys((output["name"], output.get("tokens", output["name"])), output["sequence"])
        return columns

    def inputs(self, encoder: Encoder) -> dict[str, InputType]:
        """The columns that its graph reads; DataError if the problem no longer has one, or with another type."""
        entries = self.signature["inputs"]
        if changed := changed_columns(encoder, entries):
            raise DataError(
                f"champion {self.version}: must read the declared columns for another task on its trunk, found columns "
                f"that the problem no longer has, or has with another type: {', '.join(changed)}; run `mtl retrain`, "
                "which trains all tasks"
            )
        return {entry["name"]: encoder.inputs[entry["name"]] for entry in entries}

    def tensors(self, task: str, *, adapter: bool) -> tuple[RowTensor, ...]:
        """The tensors that the task's head reads: the trunk's outputs and, with an adapter, the encoded inputs.

        Raises:
            ExportError: the graph has no such tensors for rows.
        """
        graph = self.model.graph
        heads = self.signature["outputs"][: head_count(graph)]
        of_rows = [position for position, output in enumerate(heads) if output.get("level", "row") == "row"]
        if not (tensors := head_inputs(graph, of_rows)):
            found = ", ".join(f"{output['name']} ({output.get('level', 'row')})" for output in heads) or "none"
            raise ExportError(
                f"champion {self.version}: must have a task of level row, whose head shows what its trunk computes for "
                f"a row, to get task {task!r}; found heads: {found}; run `mtl retrain`, which trains all tasks"
            )
        if not adapter:
            return tensors
        if not (inputs := input_vectors(graph)):
            raise ExportError(
                f"champion {self.version}: must have an input layer of a known form for --adapter, found none; leave "
                "--adapter out, or run `mtl retrain`, which trains all tasks"
            )
        return (*tensors, *inputs)


def check_task(problem: Problem, task: str) -> None:
    """ProblemError unless the task is declared, and of a kind that a head on rows alone can learn."""
    if task not in problem.tasks:
        raise ProblemError(
            f"tasks.{task}: must be declared in params.yaml to be added, found no such task; "
            f"declare it, or correct the name: {suggestion(task, list(problem.tasks))}"
        )
    declared = problem.tasks[task]
    if declared.unsupervised or declared.kind == "tagging":
        reason = "its clusters would shape nothing" if declared.unsupervised else "the trunk's tokens are not kept"
        raise ProblemError(
            f"tasks.{task}: a task that is added must learn from a label per row, found kind {declared.kind} "
            f"({reason}); run `mtl retrain`, which trains all tasks"
        )


def open_champion(folder: Path, problem: Problem, task: str) -> FrozenChampion:
    """The champion of the folder's problem; DataError if there is none, its files are damaged, or it has the task."""
    store = Store(store_home(folder))
    version = store.champion(problem.name)
    if version is None:
        raise DataError(
            f"{problem.name}: must have a champion, to which a task is added, found none; run `mtl retrain`, which "
            "trains all tasks and promotes the model"
        )
    if (damage := store.damage(version)) is not None:
        raise DataError(f"champion {version}: must have intact files, found {damage}; restore them, or `mtl retrain`")
    exported = ExportedModel.read(store.path(version))
    if task in exported.outputs:
        raise ProblemError(
            f"tasks.{task}: must be a task that champion {version} does not serve, found it among "
            f"{', '.join(exported.outputs)}; `mtl retrain` trains it again, with all others"
        )
    return FrozenChampion(
        version=version, model=onnx.load_from_string(exported.graph), signature=dict(exported.signature)
    )


def extended_signature(champion: Mapping[str, Any], added: Mapping[str, Any]) -> dict[str, Any]:
    """The champion's signature with the outputs of `added`, the signature of the new graph with these outputs alone."""
    return {
        **champion,
        # Entries of an earlier format mean the same in a later one.
        "format": max(champion["format"], added["format"]),
        "version_of_trunkline": added["version_of_trunkline"],
        "graph_sha256": added["graph_sha256"],
        "outputs": [*champion["outputs"], *added["outputs"]],
    }
