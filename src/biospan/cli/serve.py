"""`biospan serve`: an HTTP API and a page."""

from pathlib import Path
from typing import Annotated

import typer

from biospan.cli import engines
from biospan.errors import ConfigError, MissingDependencyError


def serve(
    model: Annotated[
        list[str] | None,
        typer.Option("--model", metavar="NAME=DIR", help="A model directory; may be repeated."),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8000,
    engine: Annotated[str, typer.Option("--engine", help=engines.HELP)] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of the model; all by default.")
    ] = None,
) -> None:
    """Serve the models over HTTP, with a page to try them on."""
    folders = _folders(model or [])
    try:
        from biospan.server.app import build
        from biospan.server.gate import Access
        from biospan.server.limits import Limits
        from biospan.server.run import run
        from biospan.server.service import Service
    except ImportError as error:
        raise MissingDependencyError(error.name or "fastapi", "serve") from error
    from biospan.tagger import Tagger, load

    def load_all() -> dict[str, Tagger]:
        return {
            name: load(folder, engine=engine, threads=threads) for name, folder in folders.items()
        }

    service = Service(load_all, Limits())
    run(build(service, Access()), service, host=host, port=port)


def _folders(options: list[str]) -> dict[str, Path | None]:
    """Names and folders of models; the bundled one is `default`."""
    folders: dict[str, Path | None] = {}
    for option in options or ["default"]:
        name, equals, folder = option.partition("=")
        if not equals and options:
            name, folder = Path(option).name, option
        if name in folders:
            raise ConfigError(f"--model {option}: the name `{name}` is there twice")
        folders[name] = Path(folder) if folder else None
    return folders
