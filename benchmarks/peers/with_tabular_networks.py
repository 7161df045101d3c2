"""RealMLP and TabM models of one task, run in their own environment.

Both with the defaults of pytabkit (RealMLP_TD, TabM_D) and its recommendation for probabilities: the epoch is selected
by the cross-entropy on validation, and labels are not smoothed. One thread. Missing numbers are replaced by the median
of the training rows, with an indicator column.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor, TabM_D_Classifier, TabM_D_Regressor
from raw_table import PeerTask, Rows, serve

KINDS = {
    "realmlp": {"number": RealMLP_TD_Regressor, "other": RealMLP_TD_Classifier},
    "tabm": {"number": TabM_D_Regressor, "other": TabM_D_Classifier},
}
LOSSES = {
    "squared": {"val_metric_name": "rmse"},
    "absolute": {"val_metric_name": "mae", "train_metric_name": "multi_pinball(0.5)"},
    "poisson": {"val_metric_name": "rmse"},
    "": {"val_metric_name": "cross_entropy"},
}


def fit(method: str, task: PeerTask, seed: int, train: Rows, validation: Rows) -> Callable[[pd.DataFrame], np.ndarray]:
    """A model of the method, with its epoch selected on validation."""
    torch.set_num_threads(1)
    options = {**LOSSES[task.loss], "device": "cpu", "random_state": seed, "n_threads": 1, "verbosity": 0}
    if method == "realmlp" and task.kind != "number":
        options["use_ls"] = False
    model = KINDS[method]["number" if task.kind == "number" else "other"](**options)
    complete = _imputer(train.x)
    columns = list(train.x.select_dtypes("category"))
    model.fit(complete(train.x), train.y, complete(validation.x), validation.y, cat_col_names=columns)
    if task.kind == "number":
        return lambda x: np.asarray(model.predict(complete(x))).reshape(len(x))
    first = (lambda values: values[:, 1]) if task.kind == "binary" else (lambda values: values)
    return lambda x: first(model.predict_proba(complete(x)))


def _imputer(train: pd.DataFrame) -> Callable[[pd.DataFrame], pd.DataFrame]:
    numbers = train.select_dtypes("number")
    medians, gaps = numbers.median().fillna(0.0), [name for name in numbers if numbers[name].isna().any()]

    def complete(x: pd.DataFrame) -> pd.DataFrame:
        flags = pd.DataFrame({f"{name}_missing": x[name].isna().astype(float) for name in gaps}, index=x.index)
        texts = {name: x[name].cat.codes.astype(str) for name in x.select_dtypes("category")}
        return pd.concat([x.fillna(medians).assign(**texts), flags], axis=1)

    return complete


if __name__ == "__main__":
    serve(fit)
