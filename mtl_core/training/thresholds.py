"""Decision thresholds, tuned on the validation split after calibration."""

import torch

from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.nn.decision import DecisionThresholds
from mtl_core.tasks.decisions import DEFAULT_THRESHOLD, DecisionObjective, best_threshold
from mtl_core.training.history import TunedThresholds


def tune_thresholds(network: Network, validation: EncodedSplit) -> tuple[TunedThresholds, ...]:
    """Tune the thresholds of every task that declares a rule, in place; the record of each.

    A pure function of the predictions for the validation split. Labels that have fewer than MIN_LABELS rows of yes or
    of no there share one threshold, and have the default one where they have fewer together.
    """
    pairs = zip(network.objectives, network.decisions, strict=True)
    tuned = [(task, one) for task, one in pairs if isinstance(task, DecisionObjective) and task.options.rule]
    if not tuned:
        return ()
    predictions = predictions_of(network, validation)
    found = []
    for task, decision in tuned:
        assert isinstance(decision, DecisionThresholds)
        assert task.options.rule is not None
        labels = validation.flat_labels(task.name)
        known = task.codec.labelled(labels)
        of_task = torch.from_numpy(predictions[task.name])[known].reshape(-1, task.outputs)
        values, untuned = [DEFAULT_THRESHOLD] * task.outputs, 0
        for group in task.groups(of_task, labels[known]):
            if not group.is_sufficient:
                untuned += len(group.outputs)
            else:
                best = best_threshold(task.options.rule, group.labels.numpy(), group.values[:, 0].numpy())
                for output in group.outputs:
                    values[output] = best
        decision.set(tuple(values))
        found.append(TunedThresholds(task=task.name, thresholds=decision.values, untuned=untuned))
    return tuple(found)
