"""Runs a job with the stand-in, as `biospan annotate` runs one: `CORPUS OUT [OPTION=VALUE ...]`.

A process of its own, for tests that end it: from outside, or by what the system refuses it.
"""

import sys
from pathlib import Path

from stand_in import StandIn

from biospan import jobs
from biospan.cli.progress import until_terminated
from biospan.errors import BiospanError
from biospan.jobs import Execution, Settings

SHARD_SIZE = 8


def main(corpus: str, out: str, *options: str) -> int:
    given = dict(option.split("=") for option in options)
    load = StandIn(
        seconds=float(given.get("seconds", 0)),
        log=Path(given["log"]) if "log" in given else None,
    )
    try:
        with until_terminated() as should_stop:
            jobs.annotate(
                [Path(corpus)],
                Path(out),
                Settings(load=load, shard_size=SHARD_SIZE),
                Execution(n_workers=int(given.get("workers", 1)), should_stop=should_stop),
            )
    except (BiospanError, OSError) as error:
        sys.stderr.write("\n".join([str(error), *getattr(error, "__notes__", ())]) + "\n")
        return error.exit_code if isinstance(error, BiospanError) else 74
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
