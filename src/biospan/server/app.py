"""The application: routes, the page, and what guards them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from biospan.server import metrics, openapi, routes
from biospan.server.access import Access
from biospan.server.gate import ERROR_NAME, Gate, internal, new_error_name
from biospan.server.limits import Limits
from biospan.server.problems import Problem, json_response, pointer
from biospan.server.service import Loader, Service
from biospan.tagger import Tagger

STATIC = Path(__file__).with_name("static")


def create_app(
    models: Tagger | Mapping[str, Tagger] | Loader,
    *,
    limits: Limits | None = None,
    access: Access | None = None,
) -> ASGIApp:
    """The server as an ASGI application.

    Args:
        models: One tagger, several by their names (the first is the one that is used where none
            is named), or what loads them while the server answers 503.
        limits: What clients may ask for; see `Limits` for what is taken by default.
        access: Who may ask; by default everyone who can connect, under `localhost` or an address.
    """
    service = Service(_loader(models), limits or Limits())
    return build(service, access or Access())


def build(service: Service, access: Access) -> ASGIApp:
    """The application over a service that someone else watches too."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        service.stop()

    app = FastAPI(
        title="Biospan",
        version=version("biospan"),
        description="Marks proteins, DNA, RNA, cell types and cell lines in biomedical text.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=life,
    )
    for router in (routes.tagging, routes.hub, routes.filing, routes.telling):
        app.include_router(router(service))
    _add_probes(app, service)
    app.openapi = openapi.describing(app, service.limits)  # type: ignore[method-assign]
    app.mount("/", _Page(app), name="page")
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _failed)
    return Gate(GZipMiddleware(app, minimum_size=1024), service, access)


class _Page(StaticFiles):
    """The files of the page, at every path that is no route of the API."""

    def __init__(self, app: FastAPI) -> None:
        super().__init__(directory=STATIC, html=True)
        self._api = app

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file of a path, as Starlette gives it."""
        if f"/{path}" in self._api.openapi()["paths"] and path != ".":
            raise HTTPException(405, "Method Not Allowed")
        response = await super().get_response(path, scope)
        response.headers.setdefault("Cache-Control", "no-cache")  # asked again, rarely sent again
        return response


def _loader(models: Tagger | Mapping[str, Tagger] | Loader) -> Loader:
    if isinstance(models, Tagger):
        return lambda: {"default": models}
    if isinstance(models, Mapping):
        return lambda: models
    return models


def _add_probes(app: FastAPI, service: Service) -> None:
    @app.get("/livez", response_class=PlainTextResponse, tags=["operation"])
    async def livez() -> Response:
        """200 as long as the process answers."""
        return PlainTextResponse("ok\n")

    @app.get("/readyz", response_class=PlainTextResponse, tags=["operation"])
    async def readyz() -> Response:
        """200 when the server takes requests, 503 while it starts or stops."""
        service.check_ready()
        return PlainTextResponse("ok\n")

    @app.get("/metrics", response_class=PlainTextResponse, tags=["operation"])
    async def metrics_page() -> Response:
        """Counters for Prometheus."""
        return Response(service.metrics.page(), media_type=metrics.CONTENT_TYPE)


async def _invalid(request: Request, error: Exception) -> Response:
    """What does not fit the schema: the first place and what is wrong, never what was sent."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as registered
    first = error.errors()[0]
    where, *place = first["loc"]
    message = f"{first['msg'].removeprefix('Value error, ')}"
    if where == "body":
        return Problem(422, "invalid", message, pointer=pointer(place)).response()
    return Problem(422, "invalid", message, parameter=str(place[0])).response()


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - as registered
    if isinstance(error, Problem):
        return error.response()
    codes = {404: "not_found", 405: "method_not_allowed"}
    body = {"code": codes.get(error.status_code, "refused"), "message": str(error.detail)}
    return json_response(body, error.status_code, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    """A bug of ours; `Gate` logs where it is."""
    name = request.scope[ERROR_NAME] = new_error_name()
    return internal(name).response()
