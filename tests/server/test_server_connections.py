"""Raw bytes, slow clients, starting, stopping, and more requests than can be served."""

import asyncio
import json
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import psutil
import pytest

from conftest import small_tagger
from server_process import Server, started

HEAD = "POST /v1/tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = '{"text": "il gene"}'

MALFORMED = {
    "nothing": b"\r\n\r\n",
    "binary": bytes(range(256)) * 4,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "another version": b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
    "an empty Host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "HTTP/1.0 without a Host": b"GET / HTTP/1.0\r\n\r\n",
    "a broken header": b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n",
    "a blank before the colon": b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: localhost\r\nA: b\x00c\r\n\r\n",
    "long headers": b"GET / HTTP/1.1\r\nHost: localhost\r\nA: " + b"x" * 10**6 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 10**4 + b"\r\n",
    "a long path": b"GET /" + b"a" * 10**5 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path that is no UTF-8": b"GET /%ff%fe HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path with raw bytes": b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path with NUL": b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "another server's URL": b"GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an asterisk": b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a web socket": b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAA\r\n\r\n",
    "a length that is no number": f"{HEAD}Content-Length: x\r\n\r\n{BODY}".encode(),
    "a negative length": f"{HEAD}Content-Length: -1\r\n\r\n{BODY}".encode(),
    "a huge length": f"{HEAD}Content-Length: {'9' * 40}\r\n\r\n{BODY}".encode(),
    "two lengths": f"{HEAD}Content-Length: 3\r\nContent-Length: 19\r\n\r\n{BODY}".encode(),
    "a length and chunks": f"{HEAD}Content-Length: 19\r\nTransfer-Encoding: chunked\r\n\r\n"
    f"0\r\n\r\n{BODY}".encode(),
    "chunks that are none": f"{HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n{BODY}".encode(),
    "a chunk without an end": f"{HEAD}Transfer-Encoding: chunked\r\n\r\nfffffffff\r\n".encode(),
    "another transfer encoding": f"{HEAD}Transfer-Encoding: gzip\r\n\r\n{BODY}".encode(),
    "an unknown expectation": f"{HEAD}Expect: 200-ok\r\nContent-Length: 19\r\n\r\n{BODY}".encode(),
    "a length that is too small": f"{HEAD}Content-Length: 5\r\n\r\n{BODY}".encode(),
    "half a Host": b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "half an Origin": f"{HEAD}Origin: http://[\r\nContent-Length: 19\r\n\r\n{BODY}".encode(),
    "ranges": b"GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes="
    + b",".join(b"%d-%d" % (n, n) for n in range(2000))
    + b"\r\n\r\n",
    "a broken If-Modified-Since": b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    b"If-Modified-Since: yesterday\r\nIf-None-Match: \xff\r\n\r\n",
    "a broken Accept": b"POST /v1/convert?from=txt HTTP/1.1\r\nHost: localhost\r\n"
    b"Accept: ;;,,q=\xff;q=9e999\r\nContent-Length: 1\r\n\r\na",
    "a broken Content-Type": b"POST /v1/convert HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: \xff/;charset=\xff;charset*=x''%%\r\nContent-Length: 1\r\n\r\na",
    "a broken query": b"GET /v1/labels?%&=&&a=%zz&\x7f HTTP/1.1\r\nHost: localhost\r\n\r\n",
}


def talk(server: Server, data: bytes, *, wait_s: float = 5.0) -> bytes:
    """What the server says to some bytes, up to where it or we have enough."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait_s) as connection:
        said = b""
        try:
            connection.sendall(data)
            while part := connection.recv(65_536):
                said += part
                if b"\r\n\r\n" in said and b"100 Continue" not in said:
                    break
        except OSError:
            pass
        return said


def is_well(server: Server) -> bool:
    answer = httpx.post(f"{server.url}/v1/tag", json={"text": "il gene"}, timeout=30)
    return answer.status_code == 200


def status_of(said: bytes) -> int | None:
    return int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/1.1 ") else None


@pytest.fixture(scope="module")
def hasty_server(needs_serve: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that gives clients a second."""
    import sys

    from server_process import RUN_SMALL

    log = tmp_path_factory.mktemp("hasty") / "log"
    command = [sys.executable, str(RUN_SMALL), "idle_s=1.0", "body_s=2.0", "keep_alive_s=1.0"]
    server = started(command, log)
    yield server
    server.stop(signal.SIGKILL)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_requests_are_refused_or_served_and_nothing_more(
    hasty_server: Server, name: str
) -> None:
    status = status_of(talk(hasty_server, MALFORMED[name]))
    assert status is None or status < 500
    assert is_well(hasty_server)
    log = hasty_server.log.read_text()
    assert "Traceback" not in log
    assert "error " not in log


@pytest.mark.parametrize("count", [300, pytest.param(20_000, marks=pytest.mark.full)])
def test_mutated_requests_never_give_an_error_of_the_servers_own(
    hasty_server: Server, count: int
) -> None:
    rng = random.Random(count)
    sound = [data for data in MALFORMED.values() if len(data) < 500]
    sound += [f"{HEAD}Content-Length: {len(BODY)}\r\n\r\n{BODY}".encode()] * 20

    def mutated() -> bytes:
        data = bytearray(rng.choice(sound))
        for _ in range(rng.randint(1, 5)):
            place = rng.randrange(len(data) + 1)
            replacement = rng.choice([b"", b"\r\n", b"\x00", b":", b" ", b"\xff", b"9", b'"', b"["])
            data[place : place + rng.randint(0, 4)] = replacement
        return bytes(data) + b"\r\n\r\n"

    with ThreadPoolExecutor(16) as pool:
        said = list(
            pool.map(lambda data: talk(hasty_server, data), [mutated() for _ in range(count)])
        )
    statuses = Counter(map(status_of, said))
    assert all(status is None or status < 500 for status in statuses), statuses
    assert statuses[400] > count // 10
    assert is_well(hasty_server)
    assert "Traceback" not in hasty_server.log.read_text()


def trickled(server: Server, data: bytes, pause_s: float, limit_s: float) -> tuple[float, bytes]:
    """Send byte by byte; returns when the server closed, and what it said."""
    begun = time.monotonic()
    said = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=pause_s) as connection:
        for byte in data:
            try:
                connection.sendall(bytes([byte]))
                part = connection.recv(4096)
                if not part:
                    break
                said += part
            except TimeoutError:
                pass
            except OSError:
                break
            assert time.monotonic() - begun < limit_s
    return time.monotonic() - begun, said


def test_clients_that_trickle_are_cut_off(hasty_server: Server) -> None:
    with ThreadPoolExecutor(4) as pool:
        silent = pool.submit(talk, hasty_server, b"", wait_s=20)
        head = pool.submit(trickled, hasty_server, HEAD.encode() * 20, 0.1, 20)
        slow_body = f"{HEAD}Content-Length: 1000\r\n\r\n".encode()
        body = pool.submit(trickled_body, hasty_server, slow_body, 0.1)
        stalled = pool.submit(talk, hasty_server, slow_body + b"{", wait_s=20)
        assert silent.result() == b""
        seconds, said = head.result()
        assert said == b""
        assert 0.5 < seconds < 15
        assert status_of(body.result()) == 408
        assert status_of(stalled.result()) == 408
    assert is_well(hasty_server)


def trickled_body(server: Server, head: bytes, pause_s: float) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=pause_s) as connection:
        connection.sendall(head)
        for _ in range(200):
            try:
                connection.sendall(b" ")
                if said := connection.recv(4096):
                    return said
                return b""
            except TimeoutError:
                continue
    return b""


def test_answers_are_sent_as_soon_as_they_are_written(needs_serve: None) -> None:
    from biospan.server.run import listen

    with (
        listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_client_that_does_not_read_its_answer_is_cut_off(hasty_server: Server) -> None:
    body = json.dumps({"texts": ["il gene. " * 6_000] * 8})
    head = f"{HEAD}Content-Length: {len(body)}\r\n\r\n"
    process = psutil.Process(hasty_server.process.pid)
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", hasty_server.port))
        connection.sendall((head + body).encode())
        mine = connection.getsockname()[1]
        end = time.monotonic() + 60
        while any(c.raddr and c.raddr.port == mine for c in process.net_connections("tcp")):
            assert time.monotonic() < end
            time.sleep(0.2)
    assert is_well(hasty_server)


def test_a_client_that_reads_slowly_but_steadily_gets_its_answer(hasty_server: Server) -> None:
    body = json.dumps({"texts": ["il gene. " * 6_000] * 8})
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", hasty_server.port))
        connection.sendall(f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        said = b""
        while b"\r\n\r\n" not in said:
            said += connection.recv(4096)
        head, _, answer = said.partition(b"\r\n\r\n")
        size = next(int(line[15:]) for line in head.split(b"\r\n") if b"content-length" in line)
        begun, seconds = time.monotonic(), 4.0  # four times what it waits for a sign of life
        read = len(answer)
        while read < size:
            if read / size > (time.monotonic() - begun) / seconds:
                time.sleep(0.01)
            part = connection.recv(2**16)
            assert part, f"cut off after {read} of {size} bytes"
            read += len(part)
    assert time.monotonic() - begun > seconds / 2


def test_answers_wait_for_no_one_who_left(small_server: Callable[..., Server]) -> None:
    server = small_server(slow=0.2)
    body = json.dumps({"texts": ["il gene. " * 500] * 8})
    data = f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    connections = []
    for _ in range(20):
        connection = socket.create_connection(("127.0.0.1", server.port))
        connection.sendall(data)
        connections.append(connection)
    time.sleep(0.5)
    for connection in connections:
        connection.close()
    end = time.monotonic() + 10
    while "biospan_waiting_characters 0.0" not in httpx.get(f"{server.url}/metrics").text:
        assert time.monotonic() < end, "what the clients asked for is still being done"
        time.sleep(0.1)
    assert is_well(server)
    assert "Traceback" not in server.log.read_text()


def test_until_the_models_are_loaded_there_is_503(needs_serve: None, tmp_path: Any) -> None:
    import sys

    from server_process import RUN_SMALL

    server = started([sys.executable, str(RUN_SMALL), "load_s=3"], tmp_path / "log", ready=False)
    try:
        assert httpx.get(f"{server.url}/livez").status_code == 200
        for answer in (
            httpx.get(f"{server.url}/readyz"),
            httpx.post(f"{server.url}/v1/tag", json={"text": "il"}),
        ):
            assert answer.status_code == 503
            assert answer.json()["code"] == "starting"
            assert int(answer.headers["retry-after"]) >= 1
        end = time.monotonic() + 30
        while httpx.get(f"{server.url}/readyz").status_code != 200:
            assert time.monotonic() < end
        assert is_well(server)
    finally:
        server.stop(signal.SIGKILL)


def test_sigterm_finishes_what_is_in_flight_and_takes_no_more(
    small_server: Callable[..., Server],
) -> None:
    server = small_server(slow=3.0)  # long enough for all to be there before one is answered
    texts = [f"il gene number {number} of the cells." for number in range(12)]
    answers: list[httpx.Response] = []
    with httpx.Client(base_url=server.url, timeout=60) as client:
        client.get("/livez")

        def ask(text: str) -> None:
            answers.append(httpx.post(f"{server.url}/v1/tag", json={"text": text}, timeout=60))

        threads = [threading.Thread(target=ask, args=(text,)) for text in texts]
        for thread in threads:
            thread.start()
        end = time.monotonic() + 20
        while waiting(client) < len(texts):
            assert time.monotonic() < end
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        refused = client.post("/v1/tag", json={"text": "il"})
        assert (refused.status_code, refused.json()["code"]) == (503, "draining")
        assert client.get("/readyz").status_code == 503
        assert client.get("/livez").status_code == 200
        for thread in threads:
            thread.join()
    assert Counter(answer.status_code for answer in answers) == {200: len(texts)}
    tagger = small_tagger()
    for answer in answers:
        (document,) = answer.json()["documents"]
        assert document == tagger.tag(document["text"]).to_dict()
    assert server.process.wait(20) == -signal.SIGTERM


def test_a_request_whose_body_is_on_its_way_when_sigterm_comes_is_answered(
    small_server: Callable[..., Server],
) -> None:
    server = small_server()
    head = f"{HEAD}Content-Length: {len(BODY)}\r\n\r\n"
    with (
        httpx.Client(base_url=server.url) as client,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection,
    ):
        connection.sendall((head + BODY[:5]).encode())
        end = time.monotonic() + 20
        while waiting(client) < 1:
            assert time.monotonic() < end
        server.process.send_signal(signal.SIGTERM)
        while client.get("/readyz").status_code != 503:
            assert time.monotonic() < end
        connection.sendall(BODY[5:].encode())
        assert status_of(connection.recv(65_536)) == 200


def waiting(client: httpx.Client) -> int:
    """Requests that wait or are worked on, this one not counted."""
    page = client.get("/metrics").text
    return int(float(page.partition("\nbiospan_requests_in_flight ")[2].split("\n")[0])) - 1


@pytest.mark.parametrize(("signals", "drain_s"), [(1, 1.0), (2, 30.0)])
def test_drain_ends_in_time_whatever_is_in_flight(
    small_server: Callable[..., Server], signals: int, drain_s: float
) -> None:
    server = small_server(slow=20.0, drain_s=drain_s)
    thread = threading.Thread(target=lambda: talk(server, request("il gene"), wait_s=30))
    thread.start()
    time.sleep(1.0)
    begun = time.monotonic()
    for _ in range(signals):
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
    assert server.process.wait(15) == -signal.SIGTERM
    assert time.monotonic() - begun < 5
    thread.join()


def request(text: str) -> bytes:
    body = json.dumps({"text": text})
    return f"{HEAD}Content-Length: {len(body)}\r\n\r\n{body}".encode()


@contextmanager
def flood(server: Server, clients: int) -> Iterator[Counter[Any]]:
    """Clients that ask again as soon as they are answered, whatever the answer is."""
    seen: Counter[Any] = Counter()
    counting = threading.Lock()
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=server.url, timeout=120) as client:
            while not stop.is_set():
                answer = client.post("/v1/tag", json={"text": "il gene of the cells."})
                with counting:
                    seen[answer.status_code] += 1
                    if answer.status_code in (429, 503):
                        seen["retry"] += int(answer.headers["retry-after"]) >= 1

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_what_the_queue_does_not_hold_is_told_when_to_come_again(
    small_server: Callable[..., Server],
) -> None:
    server = small_server(slow=0.2, queue_requests=4)
    with flood(server, 24) as seen:
        time.sleep(2.0)
        begun = time.monotonic()
        assert httpx.get(f"{server.url}/livez", timeout=10).status_code == 200
        assert time.monotonic() - begun < 5
    assert set(seen) == {200, 429, "retry"}
    assert seen["retry"] == seen[429]
    assert is_well(server)


@pytest.mark.full
def test_ten_times_too_many_requests_leave_most_of_the_capacity(
    small_server: Callable[..., Server],
) -> None:
    server = small_server(slow=0.05, queue_requests=32)
    alone = asyncio.run(offered(server, 2000.0, 6.0, patient=True))
    capacity = alone[200] / 6.0
    seen = asyncio.run(offered(server, 10 * capacity, 20.0, patient=False))
    assert set(seen) <= {200, 429, 503}, seen
    assert seen[200] / 20.0 >= 0.8 * capacity, (seen, capacity)
    assert is_well(server)


async def offered(server: Server, rate: float, seconds: float, *, patient: bool) -> Counter[Any]:
    """Requests at a rate, whether or not earlier ones are answered; at most 24 if patient."""
    seen: Counter[Any] = Counter()
    room = asyncio.Semaphore(24 if patient else 10_000)
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=server.url, timeout=120, limits=limits) as client:

        async def ask() -> None:
            async with room:
                answer = await client.post("/v1/tag", json={"text": "il gene of the cells."})
                seen[answer.status_code] += 1

        begun = time.monotonic()
        tasks: list[asyncio.Future[None]] = []
        while (passed := time.monotonic() - begun) < seconds:
            while len(tasks) < rate * passed and (not patient or room._value > 0):
                tasks.append(asyncio.ensure_future(ask()))
                await asyncio.sleep(0)
            await asyncio.sleep(0.002)
        counted = Counter(seen)
        await asyncio.gather(*tasks)
    return counted if patient else seen
