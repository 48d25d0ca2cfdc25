"""A hub of one repository at one commit, on the loopback interface, that counts what is asked."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "someone/tiny-ner"


class Hub(NamedTuple):
    """Where it is, and the files that were sent."""

    url: str
    sent: list[str]


_JSON = {"Content-Type": "application/json"}


def _is_large(name: str) -> bool:
    """Whether it is kept beside git, under its sha256."""
    return name.endswith((".safetensors", ".bin"))


def _checksum(name: str, data: bytes) -> str:
    if _is_large(name):
        return sha256(data).hexdigest()
    return sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _entry(path: Path) -> dict[str, Any]:
    """A file as the hub lists it."""
    data = path.read_bytes()
    entry: dict[str, Any] = {"type": "file", "path": path.name, "size": len(data)}
    entry["oid"] = _checksum("", data)
    if _is_large(path.name):
        entry["lfs"] = {"oid": _checksum(path.name, data), "size": len(data), "pointerSize": 134}
    return entry


@contextmanager
def serve(folder: Path, *, falsify: str = "") -> Iterator[Hub]:
    """Serve the files of a folder; what is in `falsify` is sent with another content."""
    sent: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, *, body: bool) -> None:
            path = self.path.split("?")[0]
            if path.startswith(f"/api/models/{NAME}/tree/{COMMIT}"):
                files = [_entry(p) for p in sorted(folder.iterdir()) if p.is_file()]
                self._send(json.dumps(files).encode(), _JSON, body=body)
            elif path.startswith(f"/api/models/{NAME}"):
                names = sorted(p.name for p in folder.iterdir() if p.is_file())
                siblings = [{"rfilename": name} for name in names]
                info = {"id": NAME, "sha": COMMIT, "siblings": siblings}
                self._send(json.dumps(info).encode(), _JSON, body=body)
            elif path.startswith(f"/{NAME}/resolve/{COMMIT}/"):
                name = path.rsplit("/", 1)[1]
                if not (folder / name).is_file():
                    self.send_error(404)
                    return
                data = (folder / name).read_bytes()
                etag = _checksum(name, data)
                if name == falsify:
                    data = bytes(len(data))
                if body:
                    sent.append(name)
                self._send(data, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, body=body)
            else:
                self.send_error(404)

        def _send(self, data: bytes, headers: dict[str, str], *, body: bool) -> None:
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Hub(f"http://127.0.0.1:{server.server_port}", sent)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
