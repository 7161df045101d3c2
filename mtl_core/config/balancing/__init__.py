"""`training.balancing`: combination of the losses of several tasks into one step.

The methods are in `mtl_core.balancing`. To add one: write its file there, and its options here and in a union below.
"""

from typing import Annotated

from pydantic import Field

from mtl_core.config.balancing.base import Balancing
from mtl_core.config.balancing.conflicts import ConFIG, DualProj, GradDrop, GradVac, PCGrad, UPGrad
from mtl_core.config.balancing.descent import IMTLG, MGDA, AlignedMTL, CAGrad, FairGrad, NashMTL
from mtl_core.config.balancing.learned import DWA, FAMO, IMTLL, UW, ExcessMTL, GradNorm
from mtl_core.config.balancing.losses import COSMOS, PBI, STCH, Constant, GeometricMean, InverseLoss, Mean, Random, Sum

__all__ = ["AnyBalancing", "Balancing", "InverseLoss", "Mean"]

Scalarisation = (
    Constant | Mean | InverseLoss | Sum | Random | UW | DWA | GeometricMean | IMTLL | FAMO | STCH | PBI | COSMOS
)
"""Methods on the losses: as fast as a single loss."""
Conflicts = UPGrad | DualProj | PCGrad | GradVac | GradDrop | ConFIG
Descent = MGDA | CAGrad | IMTLG | NashMTL | AlignedMTL | FairGrad
GradientMethod = Conflicts | Descent | ExcessMTL | GradNorm
"""Methods on each task's gradient: a backward pass per task."""

AnyBalancing = Annotated[Scalarisation | GradientMethod, Field(discriminator="method")]
