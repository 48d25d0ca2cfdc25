"""A server with a model of no weights: `python run_small.py [NAME=VALUE ...]`.

`slow` is seconds that each run of the model takes, `batched=False` turns sharing off, `load_s` is
how long loading takes, `keys` and `origins` say who may ask; all else are limits.
"""

import ast
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent.parent))

from biospan.server.access import Access
from biospan.server.app import build
from biospan.server.limits import Limits
from biospan.server.run import run
from biospan.server.service import Service
from biospan.tagger import Tagger
from conftest import NearbyRuntime, small_config, small_tokenizer


class SlowRuntime(NearbyRuntime):
    def __init__(self, n_tags: int, seconds: float) -> None:
        super().__init__(n_tags)
        self._seconds = seconds

    def run(self, inputs: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        time.sleep(self._seconds)
        return super().run(inputs)


def main() -> None:
    options: dict[str, Any] = {}
    for argument in sys.argv[1:]:
        name, _, value = argument.partition("=")
        options[name] = ast.literal_eval(value)
    slow, load_s = options.pop("slow", 0.0), options.pop("load_s", 0.0)
    access = Access(options.pop("keys", ()), (), options.pop("origins", ()))

    def load() -> dict[str, Tagger]:
        time.sleep(load_s)
        config = small_config()
        runtime = SlowRuntime(len(config.tag_set.names), slow)
        return {"small": Tagger(runtime, config, small_tokenizer().to_str())}

    logging.basicConfig(format="%(message)s")
    logging.getLogger("biospan.server").setLevel(logging.INFO)
    service = Service(load, Limits(**options))
    run(build(service, access), service, host="127.0.0.1", port=0)


if __name__ == "__main__":
    main()
