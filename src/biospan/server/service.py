"""What the routes share: models, limits, the state of the server, and its counters."""

import threading
from collections.abc import Callable, Mapping
from typing import Literal

from biospan.errors import ConfigError
from biospan.server.limits import Limits
from biospan.server.metrics import Metrics
from biospan.server.models import SharedModel
from biospan.server.problems import Problem, place, wait
from biospan.server.waiting import Waiting
from biospan.tagger import Tagger

State = Literal["starting", "ready", "draining", "failed"]
Loader = Callable[[], Mapping[str, Tagger]]


class Service:
    """The models that a server runs, shared between requests, and whether it takes requests.

    Args:
        load: Gives the models by their names; called once, by `start`.
        limits: What clients may ask for.
    """

    def __init__(self, load: Loader, limits: Limits) -> None:
        self.limits = limits
        self.metrics = Metrics()
        self.state: State = "starting"
        self.error: Exception | None = None
        self.in_flight = 0
        self.metrics.in_flight.set_function(lambda: self.in_flight)
        self.models: dict[str, SharedModel] = {}
        self._load = load

    def start(self) -> None:
        """Load the models in a thread; `state` says when they are there."""
        threading.Thread(target=self._start, name="biospan-load", daemon=True).start()

    def _start(self) -> None:
        try:
            taggers = dict(self._load())
            if not taggers:
                raise ConfigError("no models to serve, expected one or more")
        except Exception as error:
            self.error, self.state = error, "failed"
            return
        waiting = Waiting(self.limits, self.metrics.waiting)
        threads = self.limits.queue_requests
        self.models = {
            name: SharedModel(name, tagger, waiting, self.metrics, threads=threads)
            for name, tagger in taggers.items()
        }
        if self.state == "starting":
            self.state = "ready"

    def drain(self) -> None:
        """Take no more requests; what is in flight goes on."""
        self.state = "draining"

    def stop(self) -> None:
        """End the threads of the models."""
        for model in self.models.values():
            model.stop()

    def check_ready(self) -> None:
        """Refuse while starting or draining.

        Raises:
            Problem: 503.
        """
        if self.state == "draining":
            raise wait(503, "draining", "the server is about to stop", 5)
        self._check_loaded()

    def _check_loaded(self) -> None:
        if self.state == "starting":
            raise wait(503, "starting", "the models are being loaded")
        if self.state == "failed" or any(model.broken for model in self.models.values()):
            raise wait(503, "failed", "a model failed", 60)

    def model(self, name: str | None, *, parameter: str = "") -> SharedModel:
        """A model by its name, the first one for None; for what is in flight while draining too.

        Raises:
            Problem: 503 while they are loaded or when one failed, 422 if there is no such model.
        """
        self._check_loaded()
        if name is None:
            name = next(iter(self.models))
        if name not in self.models:
            known = ", ".join(self.models)
            raise Problem(
                422, "unknown_model", f"expected one of {known}", **place(["model"], parameter)
            )
        return self.models[name]
