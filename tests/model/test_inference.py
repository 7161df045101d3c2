"""Logits and predictions over a whole split."""

import pytest
import torch

from mtl_core.model import Network
from mtl_core.model.inference import logits_of, stored_logits
from tests.small import Small


def test_stored_logits_are_those_of_each_batch_in_one_tensor_per_task(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tensors of their own would fragment the memory that the batches reuse."""
    monkeypatch.setattr("mtl_core.model.inference.CHUNK_ROWS", 50)
    network = Network.seeded(small.problem, small.encoder, 0)
    tasks = network.tasks[:2]
    stored = stored_logits(network, small.validation, tasks)
    assert tuple(stored) == tasks
    for task, views in stored.items():
        batches = [logits[task] for _, logits in logits_of(network, small.validation)]
        assert len(views) == len(batches) > 1
        assert all(torch.equal(view, batch) for view, batch in zip(views, batches, strict=True))
        assert len({view.untyped_storage().data_ptr() for view in views}) == 1
