"""LightGBM, CatBoost and XGBoost models of one task, run in their own environment.

LightGBM with learning rate .05, 31 leaves and 500 rounds. CatBoost and XGBoost with the defaults of their packages,
XGBoost with up to 1,000 rounds, as in CatBoost. All stop after 50 rounds without a better loss on validation, use
native categories, and one thread.
"""

from collections.abc import Callable

import catboost
import lightgbm
import numpy as np
import pandas as pd
import xgboost
from raw_table import PeerTask, Rows, serve

PATIENCE = 50
OBJECTIVES = {
    "lightgbm": {"squared": "l2", "absolute": "l1", "poisson": "poisson", "binary": "binary", "classes": "multiclass"},
    "catboost": {
        "squared": "RMSE",
        "absolute": "MAE",
        "poisson": "Poisson",
        "binary": "Logloss",
        "classes": "MultiClass",
    },
    "xgboost": {
        "squared": "reg:squarederror",
        "absolute": "reg:absoluteerror",
        "poisson": "count:poisson",
        "binary": "binary:logistic",
        "classes": "multi:softprob",
    },
}
Predict = Callable[[pd.DataFrame], np.ndarray]


def fit(method: str, task: PeerTask, seed: int, train: Rows, validation: Rows) -> Predict:
    """A model of the method, stopped on validation, which also selects the number of rounds."""
    objective = OBJECTIVES[method][task.loss or task.kind]
    makers = {"lightgbm": _lightgbm, "catboost": _catboost, "xgboost": _xgboost}
    return makers[method](objective, task, seed, train, validation)


def _lightgbm(objective: str, task: PeerTask, seed: int, train: Rows, validation: Rows) -> Predict:
    parameters = {"objective": objective, "learning_rate": 0.05, "num_leaves": 31, "num_threads": 1, "seed": seed}
    parameters |= {"verbosity": -1, "deterministic": True, "force_row_wise": True}
    if task.kind == "classes":
        parameters["num_class"] = task.classes
    data = lightgbm.Dataset(train.x, label=train.y, params=parameters)
    model = lightgbm.train(
        parameters,
        data,
        num_boost_round=500,
        valid_sets=[lightgbm.Dataset(validation.x, label=validation.y, reference=data)],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return model.predict


def _catboost(objective: str, task: PeerTask, seed: int, train: Rows, validation: Rows) -> Predict:
    kind = catboost.CatBoostRegressor if task.kind == "number" else catboost.CatBoostClassifier
    model = kind(
        loss_function=objective, random_seed=seed, thread_count=1, early_stopping_rounds=PATIENCE, verbose=False,
        allow_writing_files=False,
    )  # fmt: skip
    categories = list(train.x.select_dtypes("category"))
    model.fit(_texts(train.x), train.y, cat_features=categories, eval_set=(_texts(validation.x), validation.y))
    if task.kind == "number":
        prediction_type = "Exponent" if objective == "Poisson" else "RawFormulaVal"
        return lambda x: model.predict(_texts(x), prediction_type=prediction_type)
    return lambda x: _probabilities(task, model.predict_proba(_texts(x)))


def _xgboost(objective: str, task: PeerTask, seed: int, train: Rows, validation: Rows) -> Predict:
    kind = xgboost.XGBRegressor if task.kind == "number" else xgboost.XGBClassifier
    # XGBClassifier omits num_class for two classes, but multi:softprob requires it.
    more = {"num_class": task.classes} if task.kind == "classes" else {}
    model = kind(
        objective=objective, n_estimators=1000, early_stopping_rounds=PATIENCE, random_state=seed, n_jobs=1,
        enable_categorical=True, **more,
    )  # fmt: skip
    model.fit(train.x, train.y, eval_set=[(validation.x, validation.y)], verbose=False)
    if task.kind == "number":
        return model.predict
    return lambda x: _probabilities(task, model.predict_proba(x))


def _texts(x: pd.DataFrame) -> pd.DataFrame:
    """Categories as strings, as required by CatBoost; a missing value is a category of its own."""
    return x.assign(**{name: x[name].cat.codes.astype(str) for name in x.select_dtypes("category")})


def _probabilities(task: PeerTask, probabilities: np.ndarray) -> np.ndarray:
    return probabilities[:, 1] if task.kind == "binary" else probabilities


if __name__ == "__main__":
    serve(fit)
