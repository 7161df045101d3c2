"""Trunks of plain layers: shared by all tasks, one stack per task, or tied between the tasks."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mtl_core.config.trunks.base import Count, Dropout, TrunkOptions, Width, Widths

if TYPE_CHECKING:
    from mtl_core.trunks import Trunk


class SharedBottom(TrunkOptions):
    """Hard parameter sharing: the same representation for every task (Caruana 1997)."""

    kind: Literal["shared_bottom"] = "shared_bottom"
    widths: Widths = (256, 256)
    dropout: Dropout = 0.2

    def trunk_type(self) -> type["Trunk"]:
        from mtl_core.trunks.shared_bottom import SharedBottomTrunk

        return SharedBottomTrunk


class SingleTask(TrunkOptions):
    """No sharing: a network per task, each as large as `shared_bottom` of these widths. The baseline of every trunk."""

    separate_inputs: ClassVar[bool] = True

    kind: Literal["single_task"] = "single_task"
    widths: Widths = (256, 128)
    dropout: Dropout = 0.1

    def trunk_type(self) -> type["Trunk"]:
        from mtl_core.trunks.single_task import SingleTaskTrunk

        return SingleTaskTrunk


class CrossStitch(TrunkOptions):
    """A stack of layers per task, whose activations are mixed after each layer (Misra et al. 2016, CVPR)."""

    kind: Literal["cross_stitch"] = "cross_stitch"
    widths: Widths = (128, 128)
    """The layers of every task's stack."""
    same: Annotated[float, Field(ge=0, le=1)] = 0.9
    """Initial weight of a task's own activations; the other tasks share the rest equally."""
    dropout: Dropout = 0.1

    def trunk_type(self) -> type["Trunk"]:
        from mtl_core.trunks.cross_stitch import CrossStitchTrunk

        return CrossStitchTrunk


class MessagePassing(TrunkOptions):
    """Shared layers, a layer per task, then rounds of attention between the tasks (Liu et al. 2019, AAAI)."""

    kind: Literal["message_passing"] = "message_passing"
    widths: Widths = (256, 64)
    """The shared layers; a task's representation is as wide as the last one."""
    layers: Count = 1
    """Number of rounds."""
    heads: Count = 4
    """Number of attention heads; they divide the last width."""
    dropout: Dropout = 0.1

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.widths[-1] % self.heads:
            raise ValueError(
                f"`heads` must divide the last of `widths`, found {self.heads} heads for a width of {self.widths[-1]}; "
                "change either"
            )
        return self

    def trunk_type(self) -> type["Trunk"]:
        from mtl_core.trunks.message_passing import MessagePassingTrunk

        return MessagePassingTrunk


class TaskVectors(TrunkOptions):
    """Shared layers, scaled and shifted per task by a learned vector (FiLM, Perez et al. 2018, AAAI)."""

    kind: Literal["task_vectors"] = "task_vectors"
    widths: Widths = (256, 128)
    vector: Width = 16
    """Width of a task's vector."""
    dropout: Dropout = 0.1

    def trunk_type(self) -> type["Trunk"]:
        from mtl_core.trunks.task_vectors import TaskVectorsTrunk

        return TaskVectorsTrunk
