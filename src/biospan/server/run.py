"""Running the application in this process: connections, signals, an orderly end."""

import uvicorn
from starlette.types import ASGIApp

from biospan.server.service import Service


def run(app: ASGIApp, service: Service, *, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    limits = service.limits
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=int(limits.keep_alive_s),
        timeout_graceful_shutdown=int(limits.drain_s),
    )
    uvicorn.Server(config).run()
