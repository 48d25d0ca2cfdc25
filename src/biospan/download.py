"""Data that others publish, fetched into the user's cache: whole and checked, or not at all.

What is fetched is unpacked and checked in a folder beside its place and moved there in one step.
Whatever ends a download before leaves at most that folder, which the next one removes. A record
beside the files says what came from where. What the files are is their corpus's business.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from http.client import HTTPException, InvalidURL
from pathlib import Path
from typing import Any, BinaryIO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import FTPHandler, Request, build_opener
from urllib.response import addinfourl

from biospan.errors import (
    ConfigError,
    DownloadError,
    InputError,
    MissingInputError,
    OutputError,
)

MAX_BYTES = 64 * 2**20  # of what is fetched
RECORD_FILE = "download.json"

_BLOCK = 2**16
_TIMEOUT = 60  # seconds without a byte
_SCHEMES = ("http", "https", "file")
_GONE = (401, 403, 404, 410)

Unpack = Callable[[Path, Path], None]  # what was fetched, to files in a folder
OnProgress = Callable[[int, int | None], None]  # bytes so far, and in all if that is known


def cache_folder() -> Path:
    """`$BIOSPAN_CACHE`, or `biospan` in the place where the system keeps caches."""
    if own := os.environ.get("BIOSPAN_CACHE"):
        return Path(own)
    if (xdg := os.environ.get("XDG_CACHE_HOME")) and Path(xdg).is_absolute():
        return Path(xdg) / "biospan"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "biospan" / "cache"
    caches = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(os.path.expanduser(caches)) / "biospan"


def add(
    url: str,
    folder: Path,
    *,
    unpack: Unpack,
    on_progress: OnProgress = lambda done, total: None,
) -> dict[str, Any] | None:
    """Fetch what is at a URL and add its files to a folder, all of them or none.

    Args:
        url: Of scheme http, https or file.
        folder: Need not be there.
        unpack: Writes the wanted files of what was fetched to an empty folder, and raises
            `InputError` if they are not what they should be.
        on_progress: Called now and then with the bytes fetched.

    Returns:
        None, or, if the URL's files are there already and nothing was done, the record of them.

    Raises:
        ConfigError: If the URL is none, or of another scheme.
        MissingInputError: If the server says that there is nothing.
        DownloadError: If it cannot be reached, the connection breaks, or another download of the
            same goes on.
        InputError: If what was fetched is too large, or refused by `unpack`.
        OutputError: If files of that name are in the folder, or the cache cannot be written.
    """
    _check_url(url)
    work = folder.with_name(f".{folder.name}.part")
    previous = folder.with_name(f".{folder.name}.previous")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.with_name(f".{folder.name}.lock")):
            _clear_up(folder, work, previous)
            record = _read_record(folder)
            if found := _found(record, url, folder):
                return found
            try:
                work.mkdir()
                entry = _fetch(url, work / "fetched", on_progress)
                entry["files"] = _unpack(url, work / "fetched", work / "new", unpack)
                _merge(folder, work / "new", [*record, entry])
                _swap(work / "new", folder, previous)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    except PermissionError as error:
        raise OutputError(f"{error.filename}: {error.strerror}. Set BIOSPAN_CACHE.") from error
    return None


def _check_url(url: str) -> None:
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise ConfigError(f"`{url}`: not a URL: {error}") from error
    if scheme in _SCHEMES:
        return
    if Path(url).exists():
        raise ConfigError(f"`{url}`: is a file, its URL is {Path(url).absolute().as_uri()}")
    raise ConfigError(f"`{url}`: expected a URL that begins http://, https:// or file://")


class _NoFtp(FTPHandler):
    """To the web only may a server redirect; other schemes than FTP urllib itself refuses."""

    def ftp_open(self, req: Request) -> addinfourl:
        """Refuse."""
        raise URLError(f"redirects to `{req.full_url}`: refused")


def _fetch(url: str, file: Path, on_progress: OnProgress) -> dict[str, Any]:
    """Write what is at a URL to a file; returns its record."""
    advice = "Try again; or fetch it by other means, and pass its file:// URL."
    try:
        with build_opener(_NoFtp).open(url, timeout=_TIMEOUT) as response:
            length = response.headers.get("Content-Length")
            total = int(length) if length and length.isdecimal() else None
            digest, size = _copy(response, file, url, total, on_progress)
    except HTTPError as error:
        answer = f"{url}: the server answers {error.code} {error.reason}."
        if error.code in _GONE:
            raise MissingInputError(f"{answer} Is the URL right?") from error
        raise DownloadError(f"{answer} {advice}") from error
    except URLError as error:
        if isinstance(error.reason, FileNotFoundError):
            raise MissingInputError(f"{url}: no such file") from error
        raise DownloadError(f"{url}: cannot be reached: {error.reason}. {advice}") from error
    except (InvalidURL, UnicodeError) as error:
        raise ConfigError(f"`{url}`: not a URL: {error}") from error
    except (HTTPException, ConnectionError, TimeoutError) as error:
        raise DownloadError(f"{url}: the connection broke: {error!r}. {advice}") from error
    if total is not None and size != total:
        raise DownloadError(f"{url}: the connection broke after {size} of {total} bytes. {advice}")
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return {"url": url, "date": date, "sha256": digest, "bytes": size}


def _copy(
    response: BinaryIO, file: Path, url: str, total: int | None, on_progress: OnProgress
) -> tuple[str, int]:
    digest = sha256()
    size = 0
    with file.open("xb") as output:
        while data := response.read(_BLOCK):
            size += len(data)
            if size > MAX_BYTES:
                raise InputError(f"{url}: larger than {MAX_BYTES:,} bytes: refused")
            digest.update(data)
            output.write(data)
            on_progress(size, total)
    return digest.hexdigest(), size


def _unpack(url: str, file: Path, new: Path, unpack: Unpack) -> list[str]:
    """Unpack what was fetched; returns the paths of its files in the new folder."""
    new.mkdir()
    try:
        unpack(file, new)
    except (InputError, MissingInputError) as error:
        raise InputError(f"{url}: not what was expected: {error}") from error
    return _files(new)


def _files(folder: Path) -> list[str]:
    """Paths of all files of a folder, relative to it."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def _merge(folder: Path, new: Path, record: list[dict[str, Any]]) -> None:
    """Add what the folder holds to the new files, and the record."""
    if taken := [name for name in _files(new) if (folder / name).exists()]:
        sources = [f"{entry['url']} ({entry['date']})" for entry in record[:-1]]
        raise OutputError(
            f"{folder}: has `{taken[0]}` already, from {' and '.join(sources) or 'elsewhere'}. "
            "Nothing was changed. To replace it, remove that folder and download again."
        )
    if folder.exists():
        shutil.copytree(folder, new, dirs_exist_ok=True)
    content = json.dumps(record, indent=2) + "\n"
    (new / RECORD_FILE).write_text(content, encoding="utf-8")
    if sys.platform != "win32":
        os.sync()  # what the new name shows outlasts a crash of the machine


def _swap(new: Path, folder: Path, previous: Path) -> None:
    """Put the new folder in its place; if this is cut off in between, `_clear_up` undoes it."""
    if folder.exists():
        folder.rename(previous)
    new.rename(folder)
    shutil.rmtree(previous, ignore_errors=True)


def _clear_up(folder: Path, work: Path, previous: Path) -> None:
    """Remove what a download left that was killed."""
    if previous.exists() and not folder.exists():
        previous.rename(folder)
    for rest in (work, previous):
        shutil.rmtree(rest, ignore_errors=True)


def _read_record(folder: Path) -> list[dict[str, Any]]:
    file = folder / RECORD_FILE
    if not file.exists():
        return []
    try:
        record = json.loads(file.read_bytes())
        for entry in record:
            if not (entry["url"] and entry["date"] and isinstance(entry["files"], list)):
                raise ValueError("empty values")
        return list(record)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"{file}: not a record of downloads: {error!r}. Remove {folder} and download again."
        ) from error


def _found(record: list[dict[str, Any]], url: str, folder: Path) -> dict[str, Any] | None:
    """The record of a URL whose files are all there."""
    for entry in record:
        if entry["url"] == url and all((folder / name).exists() for name in entry["files"]):
            return entry
    return None


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Hold a lock that the system lets go of however this process ends; Windows has none."""
    with lock.open("a") as file:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError) as error:
                raise DownloadError(
                    f"{lock}: another download of the same goes on. Wait for it to end."
                ) from error
        yield
