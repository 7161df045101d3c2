"""prefect.yaml: the same for every problem but for its name; what `mtl up` refuses before it starts anything."""

import socket
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.client.schemas.objects import ConcurrencyLimitStrategy
from prefect.events.schemas.deployment_triggers import DeploymentEventTrigger
from ruamel.yaml import YAML

from flows.cli import main
from flows.deployments.prefect_yaml import DEPLOYMENTS, WORK_POOL, deployments_text
from flows.layout import Layout
from mtl_core.config.document import problem_name
from mtl_core.errors import ProblemError, RunInProgress
from mtl_core.locks import exclusive_command
from serving.errors import PortError
from tests.flows.conftest import mtl
from tests.pages import free_port

ROOT = Path(__file__).parents[2]


def document(name: str) -> Any:
    return YAML(typ="safe", pure=True).load(deployments_text(name))


@pytest.mark.parametrize("folder", [ROOT, *sorted(path.parent for path in ROOT.glob("examples/*/params.yaml"))])
def test_a_problem_of_the_repository_has_the_file_of_mtl_init(folder: Path) -> None:
    assert (folder / DEPLOYMENTS).read_text(encoding="utf-8") == deployments_text(problem_name(folder))


@pytest.mark.parametrize("name", ["wine", "null", "no", "a-b_c"])
def test_prefect_reads_every_entry_of_the_file(name: str) -> None:
    declared = PrefectYamlModel.model_validate(document(name))
    assert [(entry.name, entry.entrypoint) for entry in declared.deployments] == [
        (name, "flows.ingest.flow.ingest"),
        (name, "flows.retrain.flow.retrain"),
    ]
    for entry in declared.deployments:
        assert entry.work_pool is not None
        assert (entry.work_pool.name, entry.work_pool.work_queue_name) == (WORK_POOL, name)
        assert entry.tags == ["trunkline", name]


def test_every_schedule_names_its_time_zone_and_the_servers_limit_is_one() -> None:
    for entry in document("wine")["deployments"]:
        assert all(ZoneInfo(schedule["timezone"]) for schedule in entry["schedules"])
        assert entry["concurrency_limit"]["limit"] == 1
        ConcurrencyLimitStrategy(entry["concurrency_limit"]["collision_strategy"])
        for trigger in entry["triggers"]:
            assert DeploymentEventTrigger.model_validate(trigger).expect <= {
                "trunkline.data.arrived",
                "trunkline.data.ingested",
            }


def test_the_file_is_printed_for_problems_of_earlier_versions(capsys: pytest.CaptureFixture[str]) -> None:
    for name, code in (("wine", 0), ("Wine", 2)):
        with pytest.raises(SystemExit) as ended:
            main(["init", "--deployments", name])
        assert ended.value.code == code
    printed = capsys.readouterr()
    assert printed.out == deployments_text("wine")
    assert "must be a lowercase letter" in printed.err
    assert "found 'Wine'" in printed.err


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text("name: wine\n", encoding="utf-8")
    (tmp_path / DEPLOYMENTS).write_text(deployments_text("wine"), encoding="utf-8")
    return tmp_path


def test_up_is_refused_without_deployments_in_use_or_with_a_busy_port(
    problem: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        for option in ("--port", "--server-port"):
            ports = {"--port": free_port(), "--server-port": free_port(), option: port}
            options = [argument for pair in ports.items() for argument in pair]
            assert mtl(problem, "up", *options) == PortError.exit_code
        assert f"127.0.0.1:{port}: cannot listen" in capfd.readouterr().err
    with exclusive_command(Layout(problem).up_lock, "mtl up"):
        assert mtl(problem, "up") == RunInProgress.exit_code
    (problem / DEPLOYMENTS).unlink()
    assert mtl(problem, "up") == ProblemError.exit_code
    assert f"mtl init --deployments wine > {problem / DEPLOYMENTS}" in capfd.readouterr().err
    assert not (problem / ".trunkline" / "lifelines").exists()
