"""The policy `hold`: a stopped task's own best weights teach it from then on (Lu, NAACL-Industry 2022, section 3)."""

import numpy as np
from torch import Tensor

from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.stopping import Stopper
from mtl_core.training.checkpoint import Scratch
from mtl_core.training.scores import logits_of

__all__ = ["held", "make_teacher"]


def held(stopper: Stopper) -> tuple[str, ...]:
    """The tasks that learn from soft targets now, in the problem's order."""
    if stopper.options.policy != "hold":
        return ()
    return tuple(task for task in stopper.tasks if task in stopper.stopped)


def make_teacher(scratch: Scratch, task: str, epoch: int, network: Network, split: EncodedSplit) -> Tensor:
    """Scores the training rows once with the weights after that epoch, and leaves the network as it was.

    Returns:
        (training rows, outputs) logits, memory-mapped from the scratch folder.
    """
    current = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network.load_state_dict(scratch.weights(epoch))
    scratch.save_teacher(task, np.concatenate([logits[task].numpy() for _, logits in logits_of(network, split)]))
    network.load_state_dict(current)
    return scratch.teacher(task)
