"""A store, models to put into it, and the service over them in this process."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from serving.app import PathGuard, build_app
from serving.live import LiveModel
from serving.store import Store
from tests.serving.example_models import SIGNATURE, Export, graph, promote, write


@pytest.fixture
def export(tmp_path: Path) -> Export:
    """Writer of a folder with model.onnx, signature.json (with the changes of `change`) and checks.json."""

    def write_folder(
        *, folder: str = "model", passed: bool = True, change: dict[str, object] | None = None, **options: int
    ) -> Path:
        return write(tmp_path / folder, graph(**options), {**SIGNATURE, **(change or {})}, passed=passed)

    return write_folder


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "home")


@pytest.fixture
def live(store: Store, export: Export) -> LiveModel:
    """With a champion."""
    promote(store, export())
    live = LiveModel()
    live.open(store.home, "flights")
    return live


@pytest.fixture
def client(live: LiveModel) -> TestClient:
    return TestClient(PathGuard(build_app(live), live))
