"""Decision thresholds, tuned on the validation split after calibration."""

import torch

from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.nn.decision import DecisionThresholds
from mtl_core.tasks.decisions import DEFAULT_THRESHOLD, DecisionObjective, best_threshold
from mtl_core.training.history import TunedThresholds


def tune_thresholds(network: Network, validation: EncodedSplit) -> tuple[TunedThresholds, ...]:
    """Tune in place the thresholds of every task that declares a rule, and return a record of each.

    A pure function of the predictions for the validation split. Labels with fewer than MIN_LABELS positive or negative
    rows share one threshold, which is the default if they have too few together.
    """
    pairs = zip(network.objectives, network.decisions, strict=True)
    tuned = [(task, decision) for task, decision in pairs if isinstance(task, DecisionObjective) and task.options.rule]
    if not tuned:
        return ()
    predictions = predictions_of(network, validation)
    records = []
    for task, decision in tuned:
        assert isinstance(decision, DecisionThresholds)
        assert task.options.rule is not None
        labels = validation.flat_labels(task.name)
        mask = task.codec.labelled(labels)
        probabilities = torch.from_numpy(predictions[task.name])[mask].reshape(-1, task.outputs)
        values, untuned = [DEFAULT_THRESHOLD] * task.outputs, 0
        for group in task.groups(probabilities, labels[mask]):
            if group.is_sufficient:
                best = best_threshold(task.options.rule, group.labels.numpy(), group.values[:, 0].numpy())
                for output in group.outputs:
                    values[output] = best
            else:
                untuned += len(group.outputs)
        decision.set(tuple(values))
        records.append(TunedThresholds(task=task.name, thresholds=decision.values, untuned=untuned))
    return tuple(records)
