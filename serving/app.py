"""The HTTP face: `POST /predict`, `GET /model`, `GET /readyz`, a page of plain text, and every refusal as JSON.

A plain ASGI application rather than BentoML's typed methods: it decides what a refusal looks like, and answers one row
in a third of the time.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from serving.errors import RequestError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from serving.live import LiveModel, Served

MAX_BODY = 16 * 2**20  # bytes
BODY_SECONDS = 60.0  # a client that sends slower than this gives up its place
INLINE_BODY = 32 * 2**10  # bytes; a body up to this is answered in less time than a hop to a thread and back is worth
INLINE_LISTS = 2 * 2**10  # bytes; the same where inputs are lists, since one long list pads all rows of its request

_READ = ("GET", "HEAD")

# The page at "/" is ours, not BentoML's: that one calls a tracker on the web.
_OURS = {"/predict": ("POST",), "/model": _READ, "/readyz": _READ, "/": _READ}
_BENTOML = ("/livez", "/healthz", "/metrics", "/docs.json", "/schema.json")
_METHODS = {**_OURS, **dict.fromkeys(_BENTOML, _READ)}

_PAGE = """\
Trunkline serves {tag}.

POST /predict   a JSON list of rows, null where a value is missing:
                {body}
                The response has one prediction per row, null where the model has none:
                {answer}
GET  /model     the version and its signature: every feature's type, every task's form, unit, classes, labels, levels,
                threshold
GET  /readyz, /livez, /metrics
"""

_log = logging.getLogger("bentoml.trunkline")  # under BentoML's name, so that it reaches the server's log
_encode = msgspec.json.Encoder().encode


def build_app(live: LiveModel) -> Starlette:
    """The application over whatever `live` holds at the moment of each request."""
    # Two threads: a few large bodies do not starve each other, and many do not take the cores from the small ones.
    threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="predict")

    async def predict(request: Request) -> Response:
        try:
            body = await _read_body(request)
            served = _current(live)
            if len(body) <= (INLINE_LISTS if served.has_lists else INLINE_BODY):
                return _json(served.answer(body))
            return _json(await asyncio.get_running_loop().run_in_executor(threads, served.answer, body))
        except RequestError as error:
            return _refusal(error)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        except Exception:
            _log.exception("a request failed")
            return _refusal(RequestError("the model failed on this request; see the server log", status=500))

    async def model(_: Request) -> Response:
        try:
            return _json(_current(live).description)
        except RequestError as error:
            return _refusal(error)

    async def page(_: Request) -> Response:
        try:
            served = _current(live)
        except RequestError as error:
            return _refusal(error)
        body, answer = served.example
        return PlainTextResponse(_PAGE.format(tag=served.model.version, body=body, answer=answer))

    routes = [
        Route("/predict", predict, methods=["POST"]),
        Route("/model", model, methods=["GET"]),
        Route("/", page, methods=["GET"]),
    ]
    return Starlette(routes=routes)


class PathGuard:
    """Answers at once, with JSON, whatever is not served, and `/readyz`; the rest goes on to `app`.

    It stands before BentoML, whose metrics keep a series for every path that was ever asked for: a client could make as
    many as it likes. BentoML's own `/readyz` cannot name the version that answers.
    """

    def __init__(self, app: ASGIApp, live: LiveModel) -> None:
        self._app, self._live = app, live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif scope["path"] == "/readyz" and scope["method"] in _READ:
            await _readiness(self._live)(scope, receive, send)
        elif scope["method"] in _METHODS.get(scope["path"], ()):
            await self._app(scope, receive, send)
        else:
            await _not_served(scope["method"], scope["path"])(scope, receive, send)


def _readiness(live: LiveModel) -> Response:
    """Status 200 while a model answers, with its version and the champion that could not be loaded, if any."""
    model = live.current.model.version if live.current else None
    content = _encode({"model": model, "refused": live.load_failure})
    return Response(content, status_code=200 if model else 503, media_type="application/json")


def _not_served(method: str, path: str) -> Response:
    message = f"{method[:20]} {path[:100]} is not an endpoint; use POST /predict or GET /model"
    if path in _METHODS:
        return _refusal(RequestError(message, status=405), {"allow": ", ".join(_METHODS[path])})
    return _refusal(RequestError(message, status=404))


def _current(live: LiveModel) -> Served:
    if live.current is None:
        raise RequestError("no model is loaded yet; try again in a moment", status=503)
    return live.current


async def _read_body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and (len(declared) > 15 or int(declared) > MAX_BODY):
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY:
                    raise _too_large()
    except TimeoutError:
        raise RequestError(f"the body must arrive within {BODY_SECONDS:.0f} s", status=408) from None
    return bytes(body)


def _too_large() -> RequestError:
    return RequestError(f"the body must have at most {MAX_BODY:,} bytes; send the rows in several requests", status=413)


def _json(content: bytes) -> Response:
    return Response(content, media_type="application/json")


def _refusal(error: RequestError, headers: dict[str, str] | None = None) -> Response:
    content = {"error": {"message": error.message, "details": error.details, "total": error.total}}
    return Response(_encode(content), status_code=error.status, headers=headers, media_type="application/json")
