"""What a client may ask for, and for how long: every bound of the server in one value."""

from dataclasses import dataclass, fields

from biospan.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a request, of what waits, and of time.

    Attributes:
        body_bytes: Of a request's body.
        texts: Of one request for tagging.
        documents: Of one request that sends a file.
        text_characters: Of each text that is tagged.
        json_depth: Arrays and objects inside each other.
        queue_characters: Of all texts that wait or are being tagged.
        queue_requests: Requests whose texts wait or are being tagged.
        open_requests: Requests of any kind at one time.
        deadline_s: From the end of a request's body to its answer.
        body_s: From the start of a request's body to its end.
        idle_s: Between two signs of life of a client that is to send or to read something.
        keep_alive_s: Between two requests on one connection.
        drain_s: What is in flight has this long after SIGTERM.
    """

    body_bytes: int = 2_000_000
    texts: int = 32
    documents: int = 1_000
    text_characters: int = 100_000
    json_depth: int = 32
    queue_characters: int = 4_000_000
    queue_requests: int = 64
    open_requests: int = 256
    deadline_s: float = 30.0
    body_s: float = 30.0
    idle_s: float = 10.0
    keep_alive_s: float = 5.0
    drain_s: float = 30.0

    def __post_init__(self) -> None:
        wrong = [f.name for f in fields(self) if not 0 < getattr(self, f.name) < float("inf")]
        if wrong:
            raise ConfigError(f"limits: {', '.join(wrong)}: expected a number above 0")
