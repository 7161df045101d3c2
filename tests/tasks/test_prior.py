"""The prior of the labels: what every head predicts before it has learned anything of the rows."""

import numpy as np
import pytest
import torch

from tests.every_kind import KINDS
from tests.small import Small


@pytest.mark.parametrize(
    "name", [name for name, task in KINDS.items() if task["kind"] not in ("clustering", "quantiles")]
)
def test_a_head_that_sees_nothing_predicts_the_labels_distribution(every_kind: Small, name: str) -> None:
    (task,) = (task for task in every_kind.tasks if task.name == name)
    nothing = torch.zeros(1, 5)
    found = task.inverse_link(task.head_layer(5)(nothing)).detach().numpy()[0]
    labels = every_kind.train.labels[name].numpy()
    expected = labels[~np.isnan(labels)].mean() if task.codec.kind == "regression" else task.baseline(labels)
    np.testing.assert_allclose(found, expected, rtol=0.03, atol=0.003)
