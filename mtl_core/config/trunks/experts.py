"""Mixtures of experts: gates weigh the experts for each task."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from mtl_core.config.trunks.base import Count, Dropout, TrunkOptions, Widths

if TYPE_CHECKING:
    from mtl_core.trunks import Trunk


class MMoE(TrunkOptions):
    """Multi-gate mixture of experts: shared experts, mixed by a gate per task (Ma et al. 2018, KDD)."""

    kind: Literal["mmoe"] = "mmoe"
    experts: Count = 4
    """Number of experts; all tasks share them."""
    widths: Widths = (128, 128)
    """The layers of every expert."""
    dropout: Dropout = 0.1

    def trunk_type(self) -> type["Trunk"]:
        from mtl_core.trunks.mmoe import MMoETrunk

        return MMoETrunk


class CGC(TrunkOptions):
    """Customised gate control: per task, a gate over its own and the shared experts (Tang et al. 2020, RecSys)."""

    kind: Literal["cgc"] = "cgc"
    experts: Count = 1
    """Number of experts of every task."""
    shared_experts: Count = 1
    """Number of experts of all tasks."""
    widths: Widths = (128, 128)
    """The layers of every expert."""
    dropout: Dropout = 0.1

    def trunk_type(self) -> type["Trunk"]:
        from mtl_core.trunks.cgc import CGCTrunk

        return CGCTrunk


class PLE(TrunkOptions):
    """Progressive layered extraction: `cgc` in several levels (Tang et al. 2020, RecSys)."""

    kind: Literal["ple"] = "ple"
    experts: Count = 1
    """Number of experts of every task, at each level."""
    shared_experts: Count = 1
    """Number of experts of all tasks, at each level."""
    levels: Count = 2
    widths: Widths = (128,)
    """The layers of every expert, at each level."""
    dropout: Dropout = 0.1

    def trunk_type(self) -> type["Trunk"]:
        from mtl_core.trunks.ple import PLETrunk

        return PLETrunk


class AdaTT(TrunkOptions):
    """Adaptive task-to-task fusion: each task mixes the experts of all tasks, level by level (Li et al. 2023, KDD)."""

    kind: Literal["adatt"] = "adatt"
    experts: Count = 1
    """Number of experts of every task, at each level."""
    shared_experts: Annotated[int, Field(ge=0, le=64)] = 0
    """Number of experts of all tasks, at each level; 0 is AdaTT-sp."""
    levels: Count = 2
    widths: Widths = (128,)
    """The layers of every expert, at each level."""
    dropout: Dropout = 0.1

    def trunk_type(self) -> type["Trunk"]:
        from mtl_core.trunks.adatt import AdaTTTrunk

        return AdaTTTrunk
