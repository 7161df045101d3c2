"""Share of pairs of equal models in which a slice is found worse: it should be near 5 %.

Usage: python -m benchmarks.slices [PAIRS]

Two models predict a binary label with independent errors of the same size, on ROWS rows. They are compared in 12 slices
of two columns by three metrics. Prints JSON; 200 pairs take some minutes.
"""

import json
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from mtl_core.metrics import Metric
from mtl_core.metrics.classification import BINARY_LOG_LOSS
from mtl_core.metrics.ranking import Auc
from mtl_core.metrics.regression import MAE
from mtl_core.slice_comparison import compare_slices
from mtl_core.slices import slices_of

ROWS, VALUES, POSITIVE_SHARE = 2_000, (8, 4), 0.4


def task(metric: Metric) -> Any:
    """As much of an objective as the comparison needs, with every row labelled."""
    codec = SimpleNamespace(select_labelled=lambda *arrays: arrays)
    return SimpleNamespace(name=metric.name, metric=metric, codec=codec)


def is_refused(seed: int) -> tuple[bool, int]:
    """True if a slice is significantly worse, and the number of comparisons."""
    generator = np.random.default_rng(1_000 + seed)
    log_odds = generator.normal(size=ROWS) + np.log(POSITIVE_SHARE / (1 - POSITIVE_SHARE))
    labels = (generator.random(ROWS) < _probability(log_odds)).astype(int)
    before, after = (_probability(log_odds + 0.5 * generator.normal(size=ROWS)) for _ in range(2))
    table = pa.table({str(count): pa.array(generator.integers(count, size=ROWS)) for count in VALUES})
    slices, _ = slices_of(table, table.column_names)
    tasks = [task(metric) for metric in (Auc(), BINARY_LOG_LOSS, MAE)]
    names = [each.name for each in tasks]
    arrays = (dict.fromkeys(names, values) for values in (labels, before, after))
    compared = compare_slices(tasks, *arrays, slices, min_rows=30).differences
    return any(difference.is_worse(0.0) for difference in compared), len(compared)


def _probability(log_odds: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def main() -> None:
    """Simulate the pairs and print the share."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    outcomes = [is_refused(seed) for seed in range(pairs)]
    refused = sum(outcome for outcome, _ in outcomes)
    print(json.dumps({"pairs": pairs, "comparisons": outcomes[0][1], "refused": refused, "share": refused / pairs}))


if __name__ == "__main__":
    main()
