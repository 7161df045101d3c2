"""The files in deploy/: a systemd unit and a compose file that their tools accept, with commands that exist."""

import configparser
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click import Context
from ruamel.yaml import YAML

from flows.cli import cli
from flows.deployments.prefect_yaml import WORK_POOL

DEPLOY = Path(__file__).parents[1] / "deploy"
UNIT = DEPLOY / "trunkline.service"
KEYS = {
    "Unit": {"Description", "Wants", "After"},
    "Service": {
        *("Type", "User", "WorkingDirectory", "ExecStart", "Restart", "RestartSec", "SuccessExitStatus", "KillMode"),
        *("TimeoutStopSec", "NoNewPrivileges", "ProtectSystem", "ReadWritePaths", "PrivateTmp"),
    },
    "Install": {"WantedBy"},
}
"""Known sections and keys, for machines without systemd."""


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # as the module documents
    unit.read_string(UNIT.read_text(encoding="utf-8"))
    assert {section: set(unit[section]) for section in unit.sections()} == KEYS
    program, *arguments = unit["Service"]["ExecStart"].split()
    assert Path(program).name == "mtl"
    assert cli.get_command(Context(cli), arguments[0]) is not None
    if shutil.which("systemd-analyze"):
        # Only an existing program passes.
        installed = UNIT.read_text(encoding="utf-8").replace(program, sys.executable)
        copy = tmp_path / UNIT.name
        copy.write_text(installed, encoding="utf-8")
        verified = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
        assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


@pytest.fixture
def compose() -> Any:
    yaml = YAML(typ="safe", pure=True)
    return yaml.load(DEPLOY / "compose.yaml")


def test_the_compose_file_has_only_declared_services_and_volumes(compose: Any) -> None:
    services, volumes = compose["services"], compose["volumes"]
    assert {"server", "deploy", "worker", "service"} <= set(services)
    for service in services.values():
        assert set(service.get("depends_on", {})) <= set(services)
        named = [volume.split(":")[0] for volume in service["volumes"] if not volume.startswith("${")]
        assert set(named) <= set(volumes)
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert (DEPLOY / services["server"]["build"]["context"] / services["server"]["build"]["dockerfile"]).is_file()


def test_the_compose_file_runs_existing_commands_on_the_pool_of_prefect_yaml(compose: Any) -> None:
    services = compose["services"]
    program, command, *_ = services["service"]["command"]
    assert program == "mtl"
    assert cli.get_command(Context(cli), command) is not None
    assert services["worker"]["command"][:5] == ["prefect", "worker", "start", "--pool", WORK_POOL]
    assert f"work-pool create {WORK_POOL}" in services["deploy"]["command"][-1]
    assert services["worker"]["environment"]["PREFECT_API_URL"] == "http://server:4200/api"
    assert "filesystem" in services["server"]["environment"]["PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE"]
