"""`biospan serve`: an HTTP API and a page."""

import ipaddress
import logging
import os
from pathlib import Path
from typing import Annotated

import typer

from biospan.cli import engines
from biospan.errors import ConfigError, MissingDependencyError, MissingInputError
from biospan.model_config import is_label

KEY_VARIABLE = "BIOSPAN_API_KEY"
_MIN_KEY = 16  # characters


def serve(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            metavar="NAME=DIR",
            help="A model directory; may be repeated.",
        ),
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free one.")] = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option("--api-key-file", help=f"A key on each line; or set {KEY_VARIABLE}."),
    ] = None,
    no_key: Annotated[
        bool, typer.Option("--no-key", help="Let everyone ask who can reach the address.")
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="A name of this server; * for any."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option("--allow-origin", metavar="URL", help="Let pages of this origin ask (CORS)."),
    ] = None,
    engine: Annotated[str, typer.Option("--engine", help=engines.HELP)] = "auto",
    threads: Annotated[
        int | None, typer.Option("--threads", min=1, help="Threads of the model; all by default.")
    ] = None,
    max_characters: Annotated[
        int, typer.Option("--max-characters", min=1, help="Of each text.")
    ] = 100_000,
    max_texts: Annotated[int, typer.Option("--max-texts", min=1, help="Of a request.")] = 32,
    max_body: Annotated[
        int, typer.Option("--max-body", min=1, help="Bytes of a request.")
    ] = 2_000_000,
    deadline: Annotated[
        float, typer.Option("--deadline", min=0.1, help="Seconds for an answer.")
    ] = 30.0,
    drain: Annotated[
        float, typer.Option("--drain", min=0.1, help="Seconds for the last answers after SIGTERM.")
    ] = 30.0,
    log_requests: Annotated[
        bool, typer.Option("--log-requests", help="A line for each request, without its text.")
    ] = False,
) -> None:
    """Serve models over HTTP, with a page to try them on.

    Only this machine can connect, unless --host names another address; that needs a key.
    """
    folders = _folders(model or [])
    keys = _keys(api_key_file)
    if not keys and not no_key and not _is_loopback(host):
        raise ConfigError(
            f"--host {host}: others can connect there. Set {KEY_VARIABLE}, pass --api-key-file, or "
            "pass --no-key to let everyone ask."
        )
    try:
        from biospan.server.access import Access
        from biospan.server.app import build
        from biospan.server.limits import Limits
        from biospan.server.run import run
        from biospan.server.service import Service
    except ImportError as error:
        raise MissingDependencyError(error.name or "fastapi", "serve") from error
    from biospan.tagger import Tagger, load

    logging.getLogger("biospan.server.run").setLevel(logging.INFO)
    logging.getLogger("biospan.server.gate").setLevel(
        logging.INFO if log_requests else logging.WARNING
    )
    limits = Limits(
        body_bytes=max_body,
        texts=max_texts,
        text_characters=max_characters,
        deadline_s=deadline,
        drain_s=drain,
    )

    def load_all() -> dict[str, Tagger]:
        return {
            name: load(folder, engine=engine, threads=threads) for name, folder in folders.items()
        }

    service = Service(load_all, limits)
    names = (host.lower(), *map(str.lower, allow_host or ()))
    access = Access(keys, names, tuple(allow_origin or ()))
    run(build(service, access), service, host=host, port=port)


def _folders(options: list[str]) -> dict[str, Path | None]:
    """Names and folders of models; the bundled one is `default`."""
    folders: dict[str, Path | None] = {}
    for option in options:
        name, equals, folder = option.partition("=")
        if not equals:
            name, folder = Path(option).resolve().name, option
        if not is_label(name):
            raise ConfigError(f"--model {option}: the name `{name}`: expected letters and digits")
        if name in folders:
            raise ConfigError(f"--model {option}: the name `{name}` is there twice")
        if not Path(folder).is_dir():
            raise MissingInputError(f"--model {option}: no such folder")
        folders[name] = Path(folder)
    return folders or {"default": None}


def _keys(path: Path | None) -> tuple[str, ...]:
    given = [os.environ.get(KEY_VARIABLE, "")]
    if path is not None:
        try:
            given += path.read_text(encoding="utf-8").split("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise MissingInputError(f"--api-key-file {path}: cannot be read") from error
    keys = tuple(key.strip() for key in given if key.strip())
    if path is not None and not keys:
        raise ConfigError(f"--api-key-file {path}: no key in it")
    if any(len(key) < _MIN_KEY or not key.isascii() for key in keys):
        raise ConfigError(f"API key: expected {_MIN_KEY} or more characters of ASCII")
    return keys


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
