"""Balancing of the losses of several tasks, one method per file.

Scalarisations reduce the losses to one number and cost no additional backward pass. Aggregations combine the tasks'
gradients on the shared parameters into one direction and cost a backward pass per task. torchjd implements the
mathematics of most methods. Its import takes seconds, so only files of methods that need it import it.

To add a method: write its file here, and its options in `mtl_core.config.balancing`.

Methods of torchjd that are left out: the aggregators `Sum`, `Mean`, `Constant` and `Random`, which are scalarisations
at a higher cost; `Krum` and `TrimmedMean`, which drop the gradients that differ most: adversaries in federated
learning, but tasks here; `PCD`, which needs a primary task that is labelled in every batch; `MoDo` and `SDMGrad`, which
need further batches at every step; and `CRMOGM`, which smooths the weights of another method.
"""

from mtl_core.balancing.base import Balancer, Losses, SharedParameters

__all__ = ["Balancer", "Losses", "SharedParameters"]
