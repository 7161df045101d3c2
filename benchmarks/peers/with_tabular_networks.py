"""RealMLP and TabM: a model of one task, in the environment of its own that has them.

Both as pytabkit has them by default (RealMLP_TD, TabM_D), with what its documentation asks for where probabilities are
judged: the cross-entropy on validation picks the epoch, and labels are not smoothed. One thread. They take no missing
numbers: the median of the training rows stands for them, with a column that flags them.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor, TabM_D_Classifier, TabM_D_Regressor
from raw_table import Rows, Task, serve

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


def fit(method: str, task: Task, seed: int, train: Rows, validation: Rows) -> Callable[[pd.DataFrame], np.ndarray]:
    """A model of the method, its epoch picked on validation."""
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
    first = (lambda found: found[:, 1]) if task.kind == "binary" else (lambda found: found)
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
