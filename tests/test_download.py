"""Fetching: whatever server, network or power do, the folder is whole or as it was."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from biospan import download
from biospan.errors import (
    BiospanError,
    ConfigError,
    DownloadError,
    InputError,
    MissingInputError,
    OutputError,
)

BODY = bytes(range(256)) * 1000


@dataclass
class Server:
    """A server on this machine that does what its answers say, by path."""

    url: str
    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            found.answers[self.path](self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        found = Server(f"http://127.0.0.1:{listening.server_port}")
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        listening.shutdown()


def answer(
    body: bytes = BODY, *, code: int = 200, length: int | None = -1, **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Send a body that claims a length: its own, another one, or none."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        if length is not None:
            handler.send_header("Content-Length", str(len(body) if length < 0 else length))
        handler.end_headers()
        handler.wfile.write(body)

    return send


def keep(fetched: Path, folder: Path) -> None:
    """Unpack what is no archive."""
    (folder / "sub").mkdir()
    (folder / "sub" / "data").write_bytes(fetched.read_bytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "corpus"


def left(folder: Path) -> list[str]:
    """What is in the cache, but the lock."""
    return sorted(
        path.relative_to(folder.parent).as_posix()
        for path in folder.parent.rglob("*")
        if path.is_file() and path.name != ".corpus.lock"
    )


WHOLE = ["corpus/download.json", "corpus/sub/data"]


def test_what_is_fetched_is_there_whole_with_its_record(server: Server, folder: Path) -> None:
    server.answers["/x"] = answer()
    seen: list[tuple[int, int | None]] = []
    before = download.add(
        f"{server.url}/x", folder, unpack=keep, on_progress=lambda *at: seen.append(at)
    )
    assert before is None
    assert left(folder) == WHOLE
    assert (folder / "sub" / "data").read_bytes() == BODY
    (record,) = json.loads((folder / "download.json").read_text())
    assert record.pop("date").startswith("20")
    assert record == {
        "url": f"{server.url}/x",
        "sha256": sha256(BODY).hexdigest(),
        "bytes": len(BODY),
        "files": ["sub/data"],
    }
    assert seen[-1] == (len(BODY), len(BODY))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_the_same_url_is_not_fetched_again(server: Server, folder: Path) -> None:
    server.answers["/x"] = answer()
    url = f"{server.url}/x"
    download.add(url, folder, unpack=keep)
    found = download.add(url, folder, unpack=keep)
    assert found is not None
    assert (found["url"], server.asked) == (url, ["/x"])


def test_a_file_url_is_read(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "ü x").write_bytes(BODY)
    download.add((tmp_path / "ü x").as_uri(), folder, unpack=keep)
    assert (folder / "sub" / "data").read_bytes() == BODY


def test_redirects_are_followed_to_the_web_only(
    server: Server, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    server.answers["/whole"] = answer()
    for place in ((tmp_path / "secret").as_uri(), "ftp://127.0.0.1/x", "data:,x"):
        server.answers["/x"] = answer(b"", code=302, Location=place)
        with pytest.raises(DownloadError):
            download.add(f"{server.url}/x", folder, unpack=keep)
        assert left(folder) == []
    server.answers["/x"] = answer(b"", code=302, Location="/whole")
    download.add(f"{server.url}/x", folder, unpack=keep)
    assert left(folder) == WHOLE


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Reset the connection in the middle."""
    import socket
    import struct

    answer(BODY[:1000], length=len(BODY))(handler)
    handler.wfile.flush()
    linger = struct.pack("ii", 1, 0)
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.connection.close()


def cut_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"400\r\n" + b"x" * 100)
    handler.close_connection = True


def no_http(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"\x00\x01 hello\r\n\r\n")


def keep_most(fetched: Path, folder: Path) -> None:
    keep(fetched, folder)
    if fetched.read_bytes() == b"refused":
        raise InputError("wrong counts")


@pytest.mark.parametrize(
    ("answering", "error", "message"),
    [
        (answer(length=len(BODY) + 1), DownloadError, "broke after 256000 of 256001 bytes"),
        (answer(BODY[:10], length=len(BODY)), DownloadError, "broke after 10 of 256000"),
        (cut, DownloadError, "connection broke"),
        (cut_chunks, DownloadError, "connection broke"),
        (no_http, DownloadError, "connection broke"),
        (answer(b"no", code=404), MissingInputError, "server answers 404"),
        (answer(b"no", code=403), MissingInputError, "server answers 403"),
        (answer(b"no", code=503), DownloadError, "answers 503 .*Try again; or fetch"),
        (answer(b"refused"), InputError, "not what was expected: wrong counts"),
    ],
)
@pytest.mark.parametrize("there", [False, True], ids=["anew", "beside another"])
def test_what_fails_leaves_everything_as_it_was(
    server: Server,
    folder: Path,
    answering: Callable[[BaseHTTPRequestHandler], None],
    error: type[BiospanError],
    message: str,
    there: bool,
) -> None:
    if there:
        folder.mkdir(parents=True)
        (folder / "other").write_text("kept")
    before = left(folder)
    server.answers["/x"] = answering
    with pytest.raises(error, match=message) as raised:
        download.add(f"{server.url}/x", folder, unpack=keep_most)
    assert str(raised.value).startswith(f"{server.url}/x: ")
    assert left(folder) == before
    assert folder.exists() == there


def test_too_much_is_refused(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", len(BODY) - 1)
    server.answers["/x"] = answer(length=None)
    with pytest.raises(InputError, match="larger than 255,999 bytes"):
        download.add(f"{server.url}/x", folder, unpack=keep)
    assert left(folder) == []


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("http://127.0.0.1:1/x", DownloadError, r"cannot be reached: .*refused"),
        ("http://no-such-host.invalid/x", DownloadError, "cannot be reached"),
        ("file:///no/such/file", MissingInputError, "no such file"),
        ("ftp://example.org/x", ConfigError, "begins http://"),
        ("http://[::1/x", ConfigError, "not a URL"),
        ("x.tar.gz", ConfigError, "begins http://"),
        ("http:///x", DownloadError, "cannot be reached"),
        ("http://a b/x", ConfigError, "not a URL"),
        ("http://localhost:port/x", ConfigError, "not a URL"),
        ("http://127.0.0.1:1/ü", ConfigError, "not a URL"),
        (__file__, ConfigError, "its URL is file:///.*test_download.py"),
    ],
)
def test_what_cannot_be_reached_is_named(
    folder: Path, url: str, error: type[BiospanError], message: str
) -> None:
    with pytest.raises(error, match=message):
        download.add(url, folder, unpack=keep)
    assert not folder.exists()


def as_name(name: str) -> download.Unpack:
    def unpack(fetched: Path, folder: Path) -> None:
        (folder / name).write_bytes(fetched.read_bytes())

    return unpack


def test_another_part_is_added_and_the_same_part_is_not_replaced(
    server: Server, folder: Path
) -> None:
    for name in ("a", "b", "c"):
        server.answers[f"/{name}"] = answer(name.encode())
    download.add(f"{server.url}/a", folder, unpack=as_name("a"))
    download.add(f"{server.url}/b", folder, unpack=as_name("b"))
    with pytest.raises(OutputError, match=rf"`a` already, from {server.url}/a .*remove that"):
        download.add(f"{server.url}/c", folder, unpack=as_name("a"))
    assert left(folder) == ["corpus/a", "corpus/b", "corpus/download.json"]
    assert ((folder / "a").read_bytes(), (folder / "b").read_bytes()) == (b"a", b"b")
    record = json.loads((folder / "download.json").read_text())
    assert [entry["files"] for entry in record] == [["a"], ["b"]]


def test_a_part_that_was_removed_is_fetched_again(server: Server, folder: Path) -> None:
    server.answers["/a"] = answer(b"a")
    download.add(f"{server.url}/a", folder, unpack=as_name("a"))
    (folder / "a").unlink()
    assert download.add(f"{server.url}/a", folder, unpack=as_name("a")) is None
    assert (folder / "a").read_bytes() == b"a"


@pytest.mark.parametrize("nth", [1, 2])
def test_a_swap_that_is_cut_off_is_undone(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """As by a kill before the first or second renaming: nothing after it happens."""
    server.answers["/a"], server.answers["/b"] = answer(b"a"), answer(b"b")
    download.add(f"{server.url}/a", folder, unpack=as_name("a"))
    renamed: list[Path] = []
    rename = Path.rename

    def killed(self: Path, target: Path) -> Path:
        renamed.append(self)
        if len(renamed) == nth:
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        patch.setattr(shutil, "rmtree", lambda *args, **options: None)
        with pytest.raises(KeyboardInterrupt):
            download.add(f"{server.url}/b", folder, unpack=as_name("b"))
    assert folder.exists() == (nth == 1)
    download.add(f"{server.url}/b", folder, unpack=as_name("b"))
    assert left(folder) == ["corpus/a", "corpus/b", "corpus/download.json"]


CHILD = """
import sys
from pathlib import Path
from test_download import keep
from biospan.download import add
add(sys.argv[1], Path(sys.argv[2]), unpack=keep, on_progress=lambda *at: print(*at, flush=True))
"""


def test_a_killed_download_leaves_what_the_next_one_removes(server: Server, folder: Path) -> None:
    go_on = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        answer(BODY[:70_000], length=len(BODY))(handler)
        handler.wfile.flush()
        go_on.wait(30)

    server.answers["/x"] = slow
    url = f"{server.url}/x"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, url, str(folder)],
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert child.stdout is not None
    assert child.stdout.readline().split()[1] == str(len(BODY)).encode()
    with pytest.raises(DownloadError, match="another download"):
        download.add(url, folder, unpack=keep)
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    go_on.set()
    assert left(folder) == [".corpus.part/fetched"]
    server.answers["/x"] = answer()
    download.add(url, folder, unpack=keep)
    assert left(folder) == WHOLE


def test_a_record_that_is_none_is_refused(server: Server, folder: Path) -> None:
    folder.mkdir(parents=True)
    for content in ("{", "1", "[1]", '[{"url": "x"}]', '{"a": 1}'):
        (folder / "download.json").write_text(content)
        with pytest.raises(InputError, match="not a record of downloads"):
            download.add(f"{server.url}/x", folder, unpack=keep)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied. Set BIOSPAN_CACHE"):
        download.add("http://127.0.0.1:1/x", tmp_path / "cache" / "x", unpack=keep)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"BIOSPAN_CACHE": "/a"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/biospan"),
        ({"BIOSPAN_CACHE": "", "XDG_CACHE_HOME": "not/absolute"}, "/home/me/.cache/biospan"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other places")
def test_the_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], expected: str
) -> None:
    for name in ("BIOSPAN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert download.cache_folder() == Path(expected)
