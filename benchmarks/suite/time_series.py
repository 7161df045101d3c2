"""Tables over several years, split by time: they measure robustness to drift."""

from datetime import date

import pandas as pd

from suite.problem import Declaration
from suite.sources import r_table
from suite.splits import TimeOrderSplit

STATIONS = ("Quincy_Wells", "Belmont", "Monroe", "Polk", "Addison", "Jefferson_Park", "Washington_Wells")
STORM = ("lat", "long", "wind", "pressure", "status", "tropicalstorm_force_diameter")


def _same_day(table: pd.DataFrame) -> pd.DataFrame:
    """Add the entries of more stations on the same day: the source lists them 14 days late."""
    days = pd.to_datetime(table["date"])
    later = table[list(STATIONS)].set_index(days - pd.Timedelta(days=14)).add_suffix("_today")
    return table.assign(date=days.dt.date).join(later, on=days)


def _in_a_day(table: pd.DataFrame) -> pd.DataFrame:
    """Add the state of a storm 24 hours later, where the source has it, and its state 6 hours before."""
    when = pd.to_datetime(table[["year", "month", "day", "hour"]])
    # Names are reused after some years, and a storm may last over New Year.
    storm = table["name"] + (when - when.groupby(table["name"]).shift() > pd.Timedelta(days=60)).groupby(
        table["name"]
    ).cumsum().astype(str)
    now = table.assign(storm=storm, when=when).drop_duplicates(["storm", "when"])
    later = now[["storm", "when", *STORM]].assign(when=now["when"] - pd.Timedelta(hours=24))
    before = now[["storm", "when", "lat", "long", "wind"]].assign(when=now["when"] + pd.Timedelta(hours=6))
    pairs = now.merge(later, on=["storm", "when"], suffixes=("", "_24h"))
    return pairs.merge(before, on=["storm", "when"], how="left", suffixes=("", "_6h_ago"))


def _parse_dates(table: pd.DataFrame) -> pd.DataFrame:
    """Parse the dates."""
    return table.assign(date=pd.to_datetime(table["date"].str.split().str[0], format="%m/%d/%Y").dt.date)


TIME_SERIES = (
    Declaration(
        name="storms",
        source=r_table("dplyr/storms"),
        derive=_in_a_day,
        targets=tuple(f"{column}_24h" for column in STORM),
        left_out={
            "keys of the storm": ("name", "storm", "when"),
            "another form of `wind`": ("category",),
            "from 2004 on only": ("tropicalstorm_force_diameter", "hurricane_force_diameter"),
        },
        split=TimeOrderSplit("year", 2009, 2016),
    ),
    Declaration(
        name="train_stations",
        source=r_table("modeldata/Chicago"),
        derive=_same_day,
        targets=("ridership", *(f"{station}_today" for station in STATIONS)),
        split=TimeOrderSplit("date", date(2011, 1, 1), date(2013, 7, 1)),
    ),
    Declaration(
        name="bookings",
        source=r_table("modeldata/hotel_rates"),
        derive=lambda table: table.assign(arrival_date=pd.to_datetime(table["arrival_date"]).dt.date),
        targets=("avg_price_per_room", "total_of_special_requests", "booking_changes", "customer_type", "meal"),
        left_out={
            "known at arrival": ("assigned_room_type", "required_car_parking_spaces"),
            "another form of `arrival_date`": ("arrival_date_num",),
        },
        split=TimeOrderSplit("arrival_date", date(2017, 4, 1), date(2017, 6, 1)),
    ),
    Declaration(
        name="bird_strikes",
        source=r_table("openintro/birds"),
        derive=_parse_dates,
        targets=("phase_of_flt", "height", "speed", "sky", "time_of_day", "birds_struck", "effect"),
        left_out={"another form of `opid`": ("operator",), "written afterwards": ("remarks", "birds_seen")},
        split=TimeOrderSplit("date", date(1996, 1, 1), date(1997, 1, 1)),
    ),
    Declaration(
        name="batters",
        source=r_table("plyr/baseball"),
        targets=("X2b", "X3b", "hr", "rbi", "sb", "bb", "so", "hbp"),
        left_out={
            "key of the player": ("id",),
            "not counted in the first years, and known with the targets": ("cs", "ibb", "sh", "sf", "gidp"),
        },
        split=TimeOrderSplit("year", 1991, 1999),
    ),
)
