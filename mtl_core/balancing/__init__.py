"""Balancing, a file per family: how the losses of several tasks move one network.

Two kinds: scalarisations make one number of the losses, at the price of a plain step; aggregations make one direction
of the tasks' gradients on what they share, at the price of a pass backward per task. torchjd has the mathematics of
most. It is imported where a method is built, since it takes seconds and a declared problem is read in no time.

To add one: write its file, and add it to the union below. Left out of what torchjd has: the aggregators `Sum`, `Mean`,
`Constant` and `Random`, which are scalarisations at a higher price; `Krum` and `TrimmedMean`, which drop the gradients
that differ most, adversaries in federated learning and tasks here; `PCD`, which serves one primary task, where here no
task comes first and none is labelled in every batch; `MoDo` and `SDMGrad`, which need further batches at every step;
and `CRMOGM`, which smooths the weights of another.
"""

from typing import Annotated

from pydantic import Field

from mtl_core.balancing.base import Balancer, Balancing, Losses, Shared
from mtl_core.balancing.conflicts import ConFIG, DualProj, GradDrop, PCGrad, UPGrad
from mtl_core.balancing.descent import IMTLG, MGDA, AlignedMTL, CAGrad, FairGrad, NashMTL
from mtl_core.balancing.dwa import DWA
from mtl_core.balancing.excess_mtl import ExcessMTL
from mtl_core.balancing.famo import FAMO
from mtl_core.balancing.gradnorm import GradNorm
from mtl_core.balancing.gradvac import GradVac
from mtl_core.balancing.preferences import COSMOS, PBI, STCH
from mtl_core.balancing.scalarisations import GeometricMean, Random
from mtl_core.balancing.scales import IMTLL, UW
from mtl_core.balancing.static import Constant, Mean, Sum

__all__ = ["AnyBalancing", "Balancer", "Balancing", "Losses", "Mean", "Shared"]

OfLosses = Constant | Mean | Sum | Random | UW | DWA | GeometricMean | IMTLL | FAMO | STCH | PBI | COSMOS
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

AnyBalancing = Annotated[OfLosses | OfGradients, Field(discriminator="method")]
