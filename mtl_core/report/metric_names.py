"""Titles and definitions of metrics.

A new metric needs nothing here; an entry of `DEFINITIONS` gives it a definition.
"""

from mtl_core.tasks import Metric

DEFINITIONS = {
    "accuracy": "share of rows whose predicted class is right",
    "auc": "probability that a random positive row is ranked above a random negative one; 0.5 is random",
    "average_precision": "precision averaged over the positive rows, ranked by probability; random is their share",
    "balanced_accuracy": "mean of the recall of positives and of negatives",
    "brier": "mean squared difference of probability and outcome",
    "coverage_error": "difference of the observed and nominal coverage of the outermost quantiles",
    "ece": "mean difference of predicted probability and observed frequency, over bins of equal size",
    "f1": "harmonic mean of precision and recall at the threshold",
    "interval_score": "width of the outermost interval plus a penalty for values outside it",
    "label_ranking_average_precision": "precision averaged over each row's true labels, ranked by probability",
    "log_loss": "mean negative log probability of the true outcome",
    "macro_auc": "AUC averaged over the labels; 0.5 is random",
    "macro_f1": "F1 averaged over the classes or labels",
    "mae": "mean absolute difference of prediction and observed value",
    "micro_f1": "F1 over all labels of all rows together",
    "nmi": "mutual information of clusters and known classes, normalised; 0 is independent, 1 identical",
    "pinball": "quantile loss averaged over the levels",
    "poisson_deviance": "mean Poisson deviance; 0 is a perfect prediction",
    "precision": "share of predicted positives that are positive",
    "r2": "share of the variance that is explained; 0 is the mean",
    "ranked_probability_score": "mean squared difference of predicted and observed cumulative probabilities",
    "recall": "share of positives that are predicted positive",
    "rmse": "root of the mean squared error",
    "sentence_accuracy": "share of texts whose tags are all right",
    "silhouette": "separation of the clusters; 0 is ambiguous, 1 well separated",
    "span_f1": "harmonic mean of the precision and the recall of spans; borders and label must be right",
    "span_precision": "share of predicted spans that are right",
    "span_recall": "share of true spans that are predicted",
    "weighted_kappa": "agreement beyond chance, errors weighted by their squared distance; 1 is perfect",
}
"""Name of a metric -> its definition in one line."""

_SPELLING = {
    "auc": "AUC",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "f1": "F1",
    "mae": "mean absolute error",
    "nmi": "normalised mutual information",
    "pinball": "pinball loss",
    "poisson": "Poisson",
    "r2": "R²",
    "rmse": "root mean squared error",
}


def metric_title(name: str) -> str:
    """The name as the literature writes it."""
    return " ".join(_SPELLING.get(word, word) for word in name.replace("_", " ").split())


def definition_of(metric: Metric) -> str:
    """Definition in a line without a full stop; the direction alone for a metric without an entry."""
    return DEFINITIONS.get(metric.name) or f"{'higher' if metric.higher_is_better else 'lower'} is better"


def unit_of(metric: Metric, task_unit: str) -> str:
    """Unit of the metric's values."""
    return task_unit if metric.unit == "target" else metric.unit
