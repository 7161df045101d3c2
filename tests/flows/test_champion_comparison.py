"""Candidate against champion: which outputs are compared."""

from flows.retrain.compare import comparable_outputs


def test_outputs_are_compared_whatever_their_thresholds_and_number_of_bits() -> None:
    number = {"name": "t", "kind": "binary", "form": "number", "unit": "probability"}
    flags = {"name": "f", "kind": "multilabel", "form": "label_probabilities", "labels": ["a", "b"]}
    tuned = {"outputs": [number | {"threshold": 0.25, "dtype": "float64"}, flags | {"thresholds": [0.1, 0.9]}]}
    assert comparable_outputs(tuned) == comparable_outputs({"outputs": [number, flags]}) == {"t": number, "f": flags}
