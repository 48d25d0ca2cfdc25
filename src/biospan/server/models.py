"""A model that many requests use at one time."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from biospan.document import Document
from biospan.errors import InputError, ModelError
from biospan.server.metrics import Metrics
from biospan.server.problems import wait
from biospan.server.sharing import Client, GivenUpError, SharedRuntime
from biospan.server.waiting import Waiting
from biospan.tagger import Tagger

T = TypeVar("T")

MAX_FAILURES = 3  # runs of a model in a row; then nothing is asked of it any more


class SharedModel:
    """A tagger whose calls of the model are shared between requests.

    Args:
        name: What requests call it.
        tagger: Loaded.
        waiting: Who may wait, over all models of a server.
        metrics: Counts what is done.
        threads: Requests that are worked on at one time.
    """

    def __init__(
        self, name: str, tagger: Tagger, waiting: Waiting, metrics: Metrics, *, threads: int
    ) -> None:
        self.name = name
        self._shared = SharedRuntime(
            tagger.model, tagger.config.pad_id, observe=metrics.call_windows.observe
        )
        self.tagger = tagger
        self._waiting = waiting
        self._failures = 0
        self._last_failure: ModelError | None = None
        self._metrics = metrics
        # As many as may wait: a request that waits for the model must not keep others from asking.
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"biospan-{name}")

    async def tag(self, documents: Sequence[Document]) -> list[Document]:
        """The documents with their entities, as `Tagger.tag_many` gives them.

        Raises:
            Problem: 429 if too much is waiting.
        """
        characters = sum(len(document.text) for document in documents)
        tagged = await self.work(lambda tagger: _tagged(tagger, documents), characters)
        self._metrics.documents.inc(len(tagged))
        self._metrics.characters.inc(characters)
        for document in tagged:
            for entity in document.entities:
                self._metrics.entities.labels(entity.label).inc()
        return tagged

    async def work(self, task: Callable[[Tagger], T], characters: int) -> T:
        """Run a task in a thread; given up if the request is cancelled.

        Args:
            task: What to do with the tagger that it is given.
            characters: What it is counted as while it waits.

        Raises:
            Problem: 429 if too much is waiting.
        """
        client = Client()

        def run() -> T:
            return task(self.tagger.with_model(self._shared.serving(client)))

        with self._waiting.admitted(characters):
            self._shared.expect(client)
            try:
                done = await asyncio.get_running_loop().run_in_executor(self._pool, run)
            except ModelError as error:
                # One run is shared by many requests, and fails them all with the same error.
                self._failures += error is not self._last_failure
                self._last_failure = error
                raise
            except GivenUpError:
                raise wait(503, "draining", "the server is about to stop") from None
            finally:
                self._shared.dismiss(client)
        self._failures, self._last_failure = 0, None
        return done

    @property
    def broken(self) -> bool:
        """Whether the model failed several times in a row."""
        return self._failures >= MAX_FAILURES

    def stop(self) -> None:
        """End its threads."""
        self._shared.stop()
        self._pool.shutdown(wait=False)


def _tagged(tagger: Tagger, documents: Sequence[Document]) -> list[Document]:
    if len(documents) == 1:
        with suppress(InputError):  # which `tag_many` turns into a document that says so
            return [tagger.tag(documents[0])]  # without the thread that `tag_many` reads ahead with
    return list(tagger.tag_many(documents))
