"""The ingest flow on a Prefect server: files of the inbox end in the data or in refused/, with artifact and events."""

from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactCollectionFilter, ArtifactCollectionFilterKey

from flows.ingest import flow as module
from flows.ingest.flow import ingest
from flows.pipeline.pin import fetch
from flows.retrain.tasks import result_of
from mtl_core.errors import ToolError
from tests.ingest.conftest import lines, orders, pinned, unpinned, without_suite, write

__all__ = ["orders", "pinned", "unpinned", "without_suite"]
Events = list[dict[str, Any]]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    """The emitted events."""
    emitted: Events = []
    monkeypatch.setattr(module, "emit_event", lambda **event: emitted.append(event))
    return emitted


@pytest.fixture(autouse=True)
def unlined(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own process must not end with its parent, as a worker's does."""
    monkeypatch.setattr(module, "end_with_worker", lambda: None)


def table() -> list[dict[str, Any]]:
    """The latest artifact of the flow."""
    import json

    with get_client(sync_client=True) as client:
        found = client.read_latest_artifacts(
            artifact_filter=ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=["orders-ingest"]))
        )
    rows: list[dict[str, Any]] = json.loads(str(found[0].data))
    return rows


def test_the_flow_takes_an_inbox(
    orders: Path, prefect_server: None, without_suite: None, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = orders / "inbox"
    write(inbox / "2024-04.csv", lines(4))
    write(inbox / "2024-05.csv", ["order,day"])
    write(inbox / "updates" / "labels.csv", ["order,late", "1-0,1", "4-0,1"])
    result = result_of(ingest, orders, None, 0.0)
    assert result.changed_parts == ("2024-04.csv", "2024-01.csv")
    assert [(row["file"], row["outcome"]) for row in table()] == [
        ("2024-04.csv", "added"),
        ("2024-05.csv", "refused"),
        ("labels.csv", "updated"),
    ]
    assert fetch(orders) == "data/ matches data.dvc"
    left = {path.relative_to(inbox).as_posix() for path in inbox.rglob("*") if path.is_file()}
    assert left == {"refused/2024-05.csv", "refused/2024-05.csv.reason.txt"}
    assert "'shop': must be there as in the other parts" in (inbox / "refused/2024-05.csv.reason.txt").read_text()
    added, refused = events
    assert added["event"] == "trunkline.data.ingested"
    assert added["resource"]["prefect.resource.id"] == "trunkline.problem.orders"
    assert added["payload"] == {"names": ["2024-04.csv", "2024-01.csv"]}
    assert (refused["event"], refused["payload"]["names"]) == ("trunkline.data.refused", ["2024-05.csv"])

    events.clear()
    assert result_of(ingest, orders, None, 0.0).changed_parts == ()
    assert events == []

    def fail(_: Path) -> str:
        raise ToolError("DVC remote here: must take the data")

    monkeypatch.setattr(module, "push", fail)
    monkeypatch.setattr(module.push_data, "retries", 0)
    write(orders / "other" / "2024-06.csv", lines(6))
    with pytest.raises(ToolError, match="must take the data"):
        result_of(ingest, orders, Path("other"), 0.0)
    assert (orders / "data" / "orders" / "2024-06.csv").exists()
    assert list((orders / "other").iterdir()) == []
    assert [event["event"] for event in events] == ["trunkline.data.ingested"]
