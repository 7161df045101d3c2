"""The prior of the labels, which a head predicts before training."""

import numpy as np
import pytest
import torch

from tests.every_kind import KINDS
from tests.small import Small


@pytest.mark.parametrize(
    "name", [name for name, task in KINDS.items() if task["kind"] not in ("clustering", "quantiles")]
)
def test_an_initial_head_without_input_predicts_the_distribution_of_labels(every_kind: Small, name: str) -> None:
    (task,) = (task for task in every_kind.tasks if task.name == name)
    prediction = task.inverse_link(task.head_layer(5)(torch.zeros(1, 5))).detach().numpy()[0]
    labels = every_kind.train.labels[name].numpy()
    expected = labels[~np.isnan(labels)].mean() if task.codec.kind == "regression" else task.baseline(labels)
    np.testing.assert_allclose(prediction, expected, rtol=0.03, atol=0.003)
