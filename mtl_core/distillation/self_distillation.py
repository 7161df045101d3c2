"""Teacher of the policy `hold`: the best weights of a stopped task (Lu, NAACL-Industry 2022, section 3)."""

from collections.abc import Callable

import torch
from torch import Tensor

from mtl_core.data.encoded import EncodedSplit
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.distillation.store import TeacherStore
from mtl_core.model import Network
from mtl_core.model.inference import copied_weights, stored_logits


def self_distillation_targets(
    store: TeacherStore,
    weights: Callable[[int], dict[str, Tensor]],
    task: str,
    epoch: int,
    network: Network,
    split: EncodedSplit,
) -> SoftTargets:
    """The logits of the training rows by the weights after `epoch`; the network's weights stay as they are.

    They are stored, so that a resumed training does not compute them again.

    Args:
        weights: epoch -> state dict of the network after it.
    """
    name = f"{task}-epoch-{epoch:04}"
    if not store.has(name):
        current = copied_weights(network)
        network.load_state_dict(weights(epoch))
        store.save(name, torch.cat(stored_logits(network, split, [task])[task]).numpy())
        network.load_state_dict(current)
    return SoftTargets(logits=split.by_row(task, store.load(name)))
