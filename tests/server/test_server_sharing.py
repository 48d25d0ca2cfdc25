"""Calls of the model that requests share: the same answers, fewer calls, nobody starved."""

import asyncio
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from biospan.errors import ModelError
from biospan.server import sharing
from biospan.server.limits import Limits
from biospan.server.metrics import Metrics
from biospan.server.models import MAX_FAILURES, SharedModel
from biospan.server.problems import Problem
from biospan.server.sharing import Client, GivenUpError, SharedRuntime
from biospan.server.waiting import Waiting
from biospan.tagger import Tagger
from conftest import NearbyRuntime, small_config, small_tagger, small_tokenizer
from test_tagger import hostile_texts, prose

PAD = small_config().pad_id


class Gated(NearbyRuntime):
    """Runs when it may, and remembers what it ran."""

    def __init__(self, n_tags: int) -> None:
        super().__init__(n_tags)
        self.open = threading.Event()
        self.failure: Exception | None = None

    def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        assert self.open.wait(30)
        if self.failure is not None:
            raise self.failure
        return super().run(inputs)


def gated() -> tuple[Gated, Tagger]:
    config = small_config()
    runtime = Gated(len(config.tag_set.names))
    return runtime, Tagger(runtime, config, small_tokenizer().to_str())


def served(tagger: Tagger, shared: SharedRuntime, client: Client | None = None) -> Tagger:
    return tagger.with_model(shared.serving(client or Client()))


def until(condition: Any) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("context", ["sentence", "document"])
@pytest.mark.parametrize("workers", [1, 2])
def test_answers_are_the_taggers_own_whatever_is_asked_beside(context: str, workers: int) -> None:
    tagger = small_tagger(context=context)
    shared = SharedRuntime(tagger.model, PAD, workers=workers)
    texts = [*hostile_texts(60, seed=5), *(prose(40, seed) for seed in range(2)), "x " * 500]
    random.Random(1).shuffle(texts)
    with ThreadPoolExecutor(24) as pool:
        found = list(pool.map(lambda text: served(tagger, shared).tag(text), texts))
    shared.stop()
    assert found == [tagger.tag(text) for text in texts]


def test_requests_that_come_together_share_calls() -> None:
    runtime, tagger = gated()
    shared = SharedRuntime(runtime, PAD, workers=1)
    texts = [f"the il gene of {'cells ' * (n % 3)}and protein." for n in range(40)]
    with ThreadPoolExecutor(40) as pool:
        waiting = [pool.submit(served(tagger, shared).tag, text) for text in texts]
        until(lambda: shared._asking == 40)
        runtime.open.set()
        for future in waiting:
            future.result()
    shared.stop()
    assert 2 <= runtime.n_calls <= 6  # one had begun before the others came
    assert max(rows for rows, _ in runtime.shapes) >= 20
    assert all(rows * pieces <= sharing.RUN_PIECES for rows, pieces in runtime.shapes)


def test_windows_of_unlike_length_do_not_pad_each_other() -> None:
    runtime, tagger = gated()
    shared = SharedRuntime(runtime, PAD, workers=1)
    texts = ["gene.", "il gene of the cells " * 12, "gene.", "il gene of the cells " * 12]
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(served(tagger, shared).tag, text) for text in texts]
        until(lambda: shared._asking == 4)
        runtime.open.set()
        for future in waiting:
            future.result()
    shared.stop()
    widths = sorted({pieces for _, pieces in runtime.shapes})
    assert widths[0] < 8
    assert len(widths) == 2


def test_a_long_text_does_not_hold_up_short_ones() -> None:
    class Slow(NearbyRuntime):
        def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
            time.sleep(0.02)
            return super().run(inputs)

    config = small_config()
    runtime = Slow(len(config.tag_set.names))
    tagger = Tagger(runtime, config, small_tokenizer().to_str())
    shared = SharedRuntime(runtime, PAD, workers=1)
    done: list[str] = []
    threads = []
    for name, text in [("long", prose(400)), *((str(n), f"il gene {n}.") for n in range(8))]:

        def tag(name: str = name, text: str = text) -> None:
            served(tagger, shared).tag(text)
            done.append(name)

        threads.append(threading.Thread(target=tag))
        threads[-1].start()
        if name == "long":
            until(lambda: shared._asking == 1)
    for thread in threads:
        thread.join()
    shared.stop()
    assert done[-1] == "long"


def test_short_texts_do_not_starve_a_long_one() -> None:
    tagger = small_tagger()
    shared = SharedRuntime(tagger.model, PAD, workers=1)
    stop = threading.Event()

    def hurry() -> None:
        while not stop.is_set():
            served(tagger, shared).tag("il gene of the cells.")

    threads = [threading.Thread(target=hurry) for _ in range(6)]
    for thread in threads:
        thread.start()
    long = prose(60)
    assert served(tagger, shared).tag(long) == tagger.tag(long)
    stop.set()
    for thread in threads:
        thread.join()
    shared.stop()


def test_calls_of_a_client_that_left_are_given_up_and_others_are_not() -> None:
    runtime, tagger = gated()
    shared = SharedRuntime(runtime, PAD, workers=1)
    gone, stays = Client(), Client()
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(served(tagger, shared).tag, "gene.")
        until(lambda: shared._asking == 1)
        one = pool.submit(served(tagger, shared, gone).tag, "il gene of the cells.")
        two = pool.submit(served(tagger, shared, stays).tag, "il gene of the protein.")
        until(lambda: shared._asking == 3)
        shared.dismiss(gone)
        with pytest.raises(GivenUpError):
            one.result(timeout=10)
        runtime.open.set()
        assert two.result() == tagger.tag("il gene of the protein.")
        first.result()
        with pytest.raises(GivenUpError):
            served(tagger, shared, gone).tag("gene.")
    shared.stop()
    with pytest.raises(GivenUpError):
        served(tagger, shared).tag("gene.")


def test_a_failure_reaches_those_it_concerns_and_work_goes_on() -> None:
    runtime, tagger = gated()
    runtime.open.set()
    runtime.failure = ModelError("NaN")
    shared = SharedRuntime(runtime, PAD)
    with pytest.raises(ModelError, match="NaN"):
        served(tagger, shared).tag("il gene.")
    runtime.failure = None
    assert served(tagger, shared).tag("il gene.") == tagger.tag("il gene.")
    shared.stop()


@pytest.mark.parametrize("n_rows", [1, 3])
def test_every_call_of_a_run_with_too_many_or_too_few_rows_fails(n_rows: int) -> None:
    class Odd(Gated):
        def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
            return np.repeat(super().run(inputs)[:1], n_rows, axis=0)

    _, tagger = gated()
    runtime = Odd(len(tagger.config.tag_set.names))
    shared = SharedRuntime(runtime, PAD, workers=1)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(served(tagger, shared).tag, "il gene.")  # holds the worker up
        until(lambda: shared._turn == 1)
        both = [pool.submit(served(tagger, shared).tag, "il gene.") for _ in range(2)]
        until(lambda: shared._asking == 3)
        runtime.open.set()
        for asked in (*both, *([first] if n_rows > 1 else [])):
            with pytest.raises(ValueError, match="zip"):
                asked.result(20)
    shared.stop()


def test_a_run_that_fails_counts_once_however_many_requests_share_it() -> None:
    _, tagger = gated()
    model = SharedModel("m", tagger, waiting(), Metrics(), threads=8)

    async def fail(error: ModelError) -> None:
        def task(tagger: Tagger) -> None:
            raise error

        told = await asyncio.gather(
            *(model.work(task, 1) for _ in range(5)), return_exceptions=True
        )
        assert told == [error] * 5

    broken = []
    for _ in range(MAX_FAILURES):
        asyncio.run(fail(ModelError("NaN")))
        broken.append(model.broken)
    asyncio.run(model.work(lambda tagger: None, 1))
    broken.append(model.broken)
    assert broken == [*[False] * (MAX_FAILURES - 1), True, False]
    model.stop()


def test_one_client_alone_is_not_made_to_wait_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tagger = small_tagger()
    shared = SharedRuntime(tagger.model, PAD)
    client = Client()
    shared.expect(client)
    waits: list[Any] = []
    wait_for = shared._changed.wait_for

    def observed(predicate: Any, timeout: float | None = None) -> Any:
        waits.append(timeout)
        return wait_for(predicate, timeout)

    monkeypatch.setattr(shared._changed, "wait_for", observed)
    served(tagger, shared, client).tag("il gene.")
    assert sharing.LINGER_S not in waits
    shared.expect(Client())
    served(tagger, shared, client).tag("il gene.")
    assert sharing.LINGER_S in waits
    shared.stop()


def waiting(**limits: Any) -> Waiting:
    return Waiting(Limits(**limits), Metrics().waiting)


def test_who_may_wait_is_bounded_in_requests_and_characters() -> None:
    few = waiting(queue_requests=2)
    with few.admitted(5), few.admitted(5), pytest.raises(Problem) as full, few.admitted(5):
        pass
    assert full.value.status_code == 429
    assert full.value.headers == {"Retry-After": "1"}
    short = waiting(queue_characters=1000)
    # Whoever is alone is served.
    with short.admitted(2_000), pytest.raises(Problem), short.admitted(1):
        pass
    with short.admitted(500), short.admitted(400), pytest.raises(Problem), short.admitted(200):
        pass


def test_who_could_not_be_served_in_time_is_told_when_to_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    line = waiting(deadline_s=10.0)
    with line.admitted(999):
        now[0] += 1.0
    assert line.rate == pytest.approx(1000.0)
    with line.admitted(6_999):
        with pytest.raises(Problem) as late, line.admitted(6_999):
            pass
        assert late.value.headers == {"Retry-After": "14"}
        with line.admitted(99):  # it waits for 100 characters of the other at most
            pass


def test_the_real_model_answers_exactly_as_offline() -> None:
    from biospan.server.models import SharedModel
    from biospan.tagger import load

    tagger = load(threads=1)
    metrics = Metrics()
    texts = [
        "IL-2 gene expression requires NF-kappa B.",
        "We studied 😀 the human T-cell line Jurkat, in which TNF-alpha mRNA rose.",
        "Glucocorticoid receptor mRNA in mouse thymus. " * 9,
        "",
        *(
            "The IL-2 promoter binds NFAT in activated T cells" + " and B cells" * n
            for n in range(9)
        ),
    ]

    async def ask() -> list[Any]:
        limits = Limits()
        model = SharedModel("real", tagger, Waiting(limits, metrics.waiting), metrics, threads=16)
        from biospan.document import Document

        try:
            return await asyncio.gather(*(model.tag([Document(text)]) for text in texts))
        finally:
            model.stop()

    for (document,), text in zip(asyncio.run(ask()), texts, strict=True):
        assert document == tagger.tag(text)
