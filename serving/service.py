"""The BentoML service: `python -m serving serve serving.service:Predict`, see process.py.

    POST /predict   [{feature: value, ...}, ...] -> {"model": "NAME:VERSION", "predictions": [{task: value, ...}, ...]}
    GET /model      {"model": "NAME:VERSION", "signature": {...}}
    GET /readyz     {"model": "NAME:VERSION", "load_failure": null, or the champion that failed to load and the reason}
    GET /livez, /healthz, /metrics      BentoML's own

Reads TRUNKLINE_MODEL (the model's name), TRUNKLINE_STORE (its store) and TRUNKLINE_STORE_REMOTE (the store from which
champions are pulled, see remote.py; optional) when it starts, not when it is imported.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import bentoml
from starlette.types import ASGIApp

from serving.app import PathGuard, build_app
from serving.errors import ServingError
from serving.lifeline import end_with_parent
from serving.live import LiveModel, ServedModel
from serving.remote import Remote, pull_if_configured

STORE_VARIABLE = "TRUNKLINE_STORE"
MODEL_VARIABLE = "TRUNKLINE_MODEL"

_live = LiveModel()


class _Service(bentoml.Service[Any]):  # type: ignore[misc]  # BentoML ships no types for it
    """BentoML's service behind `PathGuard`."""

    def to_asgi(self, is_main: bool = True) -> ASGIApp:
        return PathGuard(super().to_asgi(is_main), _live)


# One worker, since each loads the model. Spans and the access log cost more time than the model: BENTOML_CONFIG turns
# them on again.
@bentoml.service(
    name="trunkline",
    service_class=_Service,
    workers=1,
    logging={"access": {"enabled": False}},
    tracing={"excluded_urls": ".*"},
)
@bentoml.asgi_app(build_app(_live))
class Predict:
    """Predictions of every task for a list of rows, from the champion of one model name."""

    @bentoml.on_deployment  # type: ignore[untyped-decorator]  # BentoML ships no types for it
    @staticmethod
    def check() -> None:
        """Raise ServingError without a champion that can be served: once, before BentoML starts workers."""
        pull_if_configured(*_home_and_name())
        ServedModel.champion(*_home_and_name())

    @bentoml.on_startup  # type: ignore[untyped-decorator]  # BentoML ships no types for it
    async def open(self) -> None:
        """Load the champion, then watch for promotions, in the remote store too where one is configured."""
        end_with_parent()
        await asyncio.to_thread(_live.open, *_home_and_name())
        self._tasks = [asyncio.create_task(_live.watch())]
        if (remote := Remote.configured()) is not None:
            self._tasks.append(asyncio.create_task(remote.watch(*_home_and_name())))

    @bentoml.on_shutdown  # type: ignore[untyped-decorator]  # BentoML ships no types for it
    async def close(self) -> None:
        """Stop watching."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        _live.close()

    async def __is_ready__(self) -> bool:
        return _live.current is not None


def _home_and_name() -> tuple[Path, str]:
    home, name = os.environ.get(STORE_VARIABLE), os.environ.get(MODEL_VARIABLE)
    if not home or not name:
        raise ServingError(
            f"{STORE_VARIABLE} must name the store's folder and {MODEL_VARIABLE} the model, "
            f"found {home!r} and {name!r}; `mtl serve` sets both"
        )
    return Path(home), name
