"""Tables about people: answers, health, contracts. All rows of a person or a school are in one split."""

import pandas as pd

from suite.problem import Declaration
from suite.sources import r_table
from suite.splits import GroupSplit, RandomSplit


def _first_school(table: pd.DataFrame) -> pd.DataFrame:
    """Add the first school of each pupil, by which rows are split."""
    ids = table[["schoolidk", "schoolid1", "schoolid2", "schoolid3"]]
    return table.assign(school=ids.bfill(axis=1).iloc[:, 0])


def _pregnancies(table: pd.DataFrame) -> pd.DataFrame:
    """History, first visit and outcomes; texts are stripped, and "" is missing."""
    texts = table.select_dtypes(object).apply(lambda column: column.str.strip().replace("", None))
    table = table.assign(**texts)
    names = list(table.columns)
    first = names[: names.index("EDC.necessary.") + 1] + [name for name in names if name.startswith("BL.")]
    first = [name for name in first if name not in ("Tx.comp.", "Local.anes", "Topical.Anest", "Tx.time")]
    outcomes = ("V5.GE", "V5..BOP", "V5.PD.avg", "V5.CAL.avg", "V5.Pl.I", "Birthweight", "Preg.ended...37.wk")
    return table[list(dict.fromkeys((*first, *outcomes)))]


PEOPLE = (
    Declaration(
        name="loans",
        source=r_table("openintro/loans_full_schema"),
        targets=("interest_rate", "loan_amount", "term", "homeownership", "application_type"),
        left_out={
            "known only for a joint application": (
                *("annual_income_joint", "verification_income_joint", "debt_to_income_joint"),
            ),
            "other forms of targets": ("grade", "sub_grade", "installment"),
            "known after the loan is given": (
                *("issue_month", "loan_status", "initial_listing_status", "disbursement_method", "balance"),
                *("paid_total", "paid_principal", "paid_interest", "paid_late_fees"),
            ),
        },
        split=RandomSplit(),
    ),
    Declaration(
        name="health_plans",
        source=r_table("sampleSelection/RandHIE"),
        targets=("mdvis", "notmdvis", "totadm", "meddol", "drugdol", "binexp"),
        left_out={
            "key of the person": ("zper",),
            "known after the year, as the targets": ("outpdol", "suppdol", "mentdol", "inpdol", "inpmis", "mentvis"),
            "another form of a target": ("lnmeddol",),
        },
        split=GroupSplit(("zper",)),
    ),
    Declaration(
        name="smokers",
        source=r_table("causaldata/nhefs"),
        targets=("wt82_71", "death", "qsmk", "sbp", "dbp", "smkintensity82_71"),
        left_out={
            "keys": ("seqn", "id"),
            "known after the targets": ("yrdth", "modth", "dadth"),
            "other forms of targets": ("wt82", "censored"),
        },
        split=RandomSplit(),
    ),
    Declaration(
        name="pregnancies",
        source=r_table("medicaldata/opt"),
        derive=_pregnancies,
        targets=("V5.GE", "V5..BOP", "V5.PD.avg", "V5.CAL.avg", "V5.Pl.I", "Birthweight", "Preg.ended...37.wk"),
        left_out={"key": ("PID",)},
        split=RandomSplit(),
    ),
    Declaration(
        name="pupils",
        source=r_table("AER/STAR"),
        derive=_first_school,
        targets=("readk", "read1", "read2", "read3", "mathk", "math1", "math2", "math3"),
        left_out={"keys of the group": ("school", "schoolidk", "schoolid1", "schoolid2", "schoolid3")},
        split=GroupSplit(("school",)),
    ),
    Declaration(
        name="developers",
        source=r_table("modeldata/stackoverflow"),
        targets=(
            *("Salary", "CareerSatisfaction", "Remote", "OpenSource", "Web_developer", "DevOps", "Data_scientist"),
            "Mobile_developer",
        ),
        split=RandomSplit(),
    ),
    Declaration(
        name="phone_contracts",
        source=r_table("modeldata/wa_churn"),
        targets=("churn", "contract", "payment_method", "monthly_charges", "total_charges"),
        split=RandomSplit(),
    ),
    Declaration(
        name="car_crashes",
        source=r_table("DAAG/nassCDS"),
        targets=("dead", "injSeverity", "dvcat", "seatbelt", "deploy"),
        left_out={
            "key of the group": ("caseid",),
            "another form of a target": ("abcat",),
            "weight of the survey, not known for a single crash": ("weight",),
        },
        split=GroupSplit(("yearacc", "caseid")),
    ),
)
