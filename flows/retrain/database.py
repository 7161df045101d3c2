"""The database of Prefect's temporary server, made from a stored schema.

A new database takes Prefect more than a hundred migrations, some 5 processor seconds. `prefect.sql` is what they leave,
with the revision that they end at: a server of that version finds nothing to migrate, and a database of an earlier run
is migrated by the server as ever.

    python -m flows.retrain.database    # writes prefect.sql for the Prefect that is installed
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

from mtl_core.files import pending

__all__ = ["create_database", "migrated_schema", "stored_schema"]

SCHEMA = "prefect.sql"
DATABASE = "prefect.db"


def create_database(home: Path) -> None:
    """Make the database in PREFECT_HOME, unless there is one, or the schema is that of another Prefect."""
    from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

    path, schema = home / DATABASE, stored_schema()
    declared = PREFECT_API_DATABASE_CONNECTION_URL.value() == f"sqlite+aiosqlite:///{path}"
    if path.exists() or not declared or not schema.startswith(_header()):
        return
    with pending(path) as temporary, closing(sqlite3.connect(temporary)) as database:
        database.executescript(schema)


def stored_schema() -> str:
    """The stored schema as SQL."""
    return files("flows.retrain").joinpath(SCHEMA).read_text(encoding="utf-8")


def migrated_schema() -> str:
    """The same as the installed Prefect's own migrations make it, in some 5 s; constraints come in any order."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        subprocess.run(command, env=environment | {"PREFECT_HOME": home}, check=True, capture_output=True)
        with closing(sqlite3.connect(Path(home) / DATABASE)) as database:
            lines = (line.rstrip() for statement in database.iterdump() for line in statement.splitlines())
            return _header() + "\n".join(line for line in lines if line) + "\n"


def _header() -> str:
    return f"-- The database of Prefect {version('prefect')}, written by `python -m flows.retrain.database`.\n"


if __name__ == "__main__":
    Path(__file__).with_name(SCHEMA).write_text(migrated_schema(), encoding="utf-8")
