"""The HTTP application: `POST /predict`, `GET /model`, `GET /readyz`, a page of plain text, and errors as JSON.

A plain ASGI application rather than BentoML's typed methods: its errors have one format, and one row takes a third of
the time.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.errors import RequestError
from serving.live import LiveModel, ServedModel

MAX_BODY = 16 * 2**20  # bytes
BODY_SECONDS = 60.0  # maximum time in which a body must arrive
INLINE_BODY = 32 * 2**10  # bytes; up to this size, predicting takes less time than handing the body to a thread
INLINE_LISTS = 2 * 2**10  # bytes; the same where inputs are lists or texts, since a long one pads the other rows

_READ = ("GET", "HEAD")

# The page at "/" replaces BentoML's, which calls a tracker on the web.
_METHODS = {
    **dict.fromkeys(("/model", "/readyz", "/", "/livez", "/healthz", "/metrics", "/docs.json", "/schema.json"), _READ),
    "/predict": ("POST",),
}

_PAGE = """\
Trunkline serves {tag}.

POST /predict   a JSON list of rows, null where a value is missing:
                {body}
                The response has one prediction per row, null where the model has none:
                {response}
GET  /model     the version and its signature: every feature's type, every task's form, unit, classes, labels, levels,
                threshold
GET  /readyz, /livez, /metrics
"""

_log = logging.getLogger("bentoml.trunkline")  # under BentoML's name, so that it reaches the server's log
_encode = msgspec.json.Encoder().encode


def build_app(live: LiveModel) -> Starlette:
    """The application; each request uses the model that `live` holds when its body has arrived."""
    # Two threads: large bodies do not wait for each other, and do not take all cores from the small ones.
    threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="predict")

    async def predict(request: Request) -> Response:
        try:
            body = await _read_body(request)
            served = _current(live)
            if len(body) <= (INLINE_LISTS if served.has_lengths else INLINE_BODY):
                return _json(served.respond(body))
            return _json(await asyncio.get_running_loop().run_in_executor(threads, served.respond, body))
        except RequestError:
            raise
        except ClientDisconnect:
            return Response(status_code=400)  # no client receives it
        except Exception:
            _log.exception("a request failed")
            raise RequestError("the model failed on this request; see the server log", status=500) from None

    async def model(_: Request) -> Response:
        return _json(_current(live).description)

    async def page(_: Request) -> Response:
        served = _current(live)
        body, response = served.example
        return PlainTextResponse(_PAGE.format(tag=served.model.version, body=body, response=response))

    async def on_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestError)
        return _error_response(error)

    routes = [
        Route("/predict", predict, methods=["POST"]),
        Route("/model", model, methods=["GET"]),
        Route("/", page, methods=["GET"]),
    ]
    return Starlette(routes=routes, exception_handlers={RequestError: on_error})


class PathGuard:
    """ASGI middleware that responds to `/readyz` and to paths that are not served; passes the rest to `app`.

    It runs in front of BentoML's application, whose metrics keep a series for every requested path: a client could
    create any number of them. BentoML's own `/readyz` cannot name the served version.
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
    """Status 200 while a model is served, with its version and the champion that could not be loaded, if any."""
    model = live.current.model.version if live.current else None
    content = _encode({"model": model, "load_failure": live.load_failure})
    return Response(content, status_code=200 if model else 503, media_type="application/json")


def _not_served(method: str, path: str) -> Response:
    message = f"{method[:20]} {path[:100]} is not an endpoint; use POST /predict or GET /model"
    if path in _METHODS:
        return _error_response(RequestError(message, status=405), {"allow": ", ".join(_METHODS[path])})
    return _error_response(RequestError(message, status=404))


def _current(live: LiveModel) -> ServedModel:
    if live.current is None:
        raise RequestError("no model is loaded yet; try again in a moment", status=503)
    return live.current


async def _read_body(request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and (len(length) > 15 or int(length) > MAX_BODY):
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


def _error_response(error: RequestError, headers: dict[str, str] | None = None) -> Response:
    content = {"error": {"message": error.message, "details": error.details, "total": error.total}}
    return Response(_encode(content), status_code=error.status, headers=headers, media_type="application/json")
