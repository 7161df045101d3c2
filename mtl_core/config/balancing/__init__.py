"""`training.balancing`: how the losses of several tasks move one network. The methods are in `mtl_core.balancing`.

To add a method: write its file there and its options here, and add these to the union below.
"""

from typing import Annotated

from pydantic import Field

from mtl_core.config.balancing.base import Balancing, WithPreference
from mtl_core.config.balancing.conflicts import ConFIG, DualProj, GradDrop, GradVac, PCGrad, UPGrad
from mtl_core.config.balancing.descent import IMTLG, MGDA, AlignedMTL, CAGrad, FairGrad, NashMTL
from mtl_core.config.balancing.learned import DWA, FAMO, IMTLL, UW, ExcessMTL, GradNorm
from mtl_core.config.balancing.losses import COSMOS, PBI, STCH, Constant, GeometricMean, InverseLoss, Mean, Random, Sum

__all__ = [
    "COSMOS",
    "DWA",
    "FAMO",
    "IMTLG",
    "IMTLL",
    "MGDA",
    "PBI",
    "STCH",
    "UW",
    "AlignedMTL",
    "AnyBalancing",
    "Balancing",
    "CAGrad",
    "ConFIG",
    "Constant",
    "DualProj",
    "ExcessMTL",
    "FairGrad",
    "GeometricMean",
    "GradDrop",
    "GradNorm",
    "GradVac",
    "InverseLoss",
    "Mean",
    "NashMTL",
    "PCGrad",
    "Random",
    "Sum",
    "UPGrad",
    "WithPreference",
]

OfLosses = Constant | Mean | InverseLoss | Sum | Random | UW | DWA | GeometricMean | IMTLL | FAMO | STCH | PBI | COSMOS
"""Scalarisations: they cost a plain step."""
OfGradients = (
    UPGrad
    | DualProj
    | PCGrad
    | GradVac
    | GradDrop
    | ConFIG
    | MGDA
    | CAGrad
    | IMTLG
    | NashMTL
    | AlignedMTL
    | FairGrad
    | ExcessMTL
    | GradNorm
)
"""Methods that look at each task's gradient: they cost a backward pass per task."""

AnyBalancing = Annotated[OfLosses | OfGradients, Field(discriminator="method")]
