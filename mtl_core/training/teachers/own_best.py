"""The policy `hold`: a stopped task's own best weights teach it from then on (Lu, NAACL-Industry 2022, section 3)."""

import numpy as np

from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.training.checkpoint import Scratch
from mtl_core.training.scores import logits_of
from mtl_core.training.soft_targets import SoftTargets

__all__ = ["own_best"]


def own_best(scratch: Scratch, task: str, epoch: int, network: Network, split: EncodedSplit) -> SoftTargets:
    """The training rows as the weights after that epoch score them; the network is left as it was.

    They are kept in the scratch folder, so that a training that goes on from there need not score them again.
    """
    name = f"{task}-epoch-{epoch:04}"
    if not scratch.has_teacher(name):
        current = {key: tensor.clone() for key, tensor in network.state_dict().items()}
        network.load_state_dict(scratch.weights(epoch))
        scratch.save_teacher(name, np.concatenate([logits[task].numpy() for _, logits in logits_of(network, split)]))
        network.load_state_dict(current)
    return SoftTargets(logits=scratch.teacher(name))
