"""Balancing, one method per file: from the losses of several tasks to the gradients of one network.

There are two families. Scalarisations reduce the losses to one number, at the price of a plain step. Aggregations
combine the tasks' gradients on the shared parameters into one direction, at the price of a backward pass per task.
torchjd implements the mathematics of most. It takes seconds to import, so only the file of a method that needs it does.

To add a method: write its file here, and its options in `mtl_core.config.balancing`. Left out of what torchjd has: the
aggregators `Sum`, `Mean`, `Constant` and `Random`, which are scalarisations at a higher price; `Krum` and
`TrimmedMean`, which drop the gradients that differ most, adversaries in federated learning and tasks here; `PCD`, which
serves one primary task, where here no task comes first and none is labelled in every batch; `MoDo` and `SDMGrad`, which
need further batches at every step; and `CRMOGM`, which smooths the weights of another.
"""

from mtl_core.balancing.base import Balancer, Losses, Shared

__all__ = ["Balancer", "Losses", "Shared"]
