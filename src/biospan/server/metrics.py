"""Counters in the form that Prometheus reads; no text and no name from a client is among them."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_COUNTS = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counters of one server."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter(
            "biospan_requests", "Requests answered.", ("route", "status"), registry=registry
        )
        self.seconds = Histogram(
            "biospan_request_seconds",
            "From the end of a request's headers to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.documents = Counter("biospan_documents", "Documents tagged.", registry=registry)
        self.characters = Counter("biospan_characters", "Characters tagged.", registry=registry)
        self.entities = Counter(
            "biospan_entities", "Entities marked.", ("label",), registry=registry
        )
        self.in_flight = Gauge(
            "biospan_requests_in_flight",
            "Requests of any kind that are not answered yet.",
            registry=registry,
        )
        self.waiting = Gauge(
            "biospan_waiting_characters",
            "Characters that wait or are being tagged.",
            registry=registry,
        )
        self.call_windows = Histogram(
            "biospan_call_windows", "Windows of a model call.", buckets=_COUNTS, registry=registry
        )

    def page(self) -> bytes:
        """All of them, as `/metrics` gives them."""
        return generate_latest(self._registry)
