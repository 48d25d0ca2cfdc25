"""What a job says of its progress, by a clock that tests set."""

import io

from biospan.cli.job_progress import Meter, describe
from biospan.jobs import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rate_and_time_left_are_of_this_run_alone() -> None:
    progress = Progress(True, 10_000, n_done=3_000, n_before=1_000, n_rejected=7)
    assert describe(progress, 100.0) == (
        "3,000 of 10,000 records, 20.0/s, 0:05:50 left, 7 rejected"
    )
    assert describe(Progress(True, 10, 4, 4), 5.0) == "4 of 10 records, 0 rejected"
    assert describe(Progress(False, 1234), 0.0) == "planning: 1,234 records read"


def test_a_log_file_gets_a_line_a_minute_and_a_terminal_one_line_that_changes() -> None:
    for stream, expected in ((io.StringIO(), 3), (Terminal(), 121)):
        time = 0.0
        meter = Meter(stream, clock=lambda: time)  # noqa: B023 - called at once
        for second in range(121):
            time = float(second)
            meter.show(Progress(True, 1000, n_done=second))
        meter.close()
        shown = stream.getvalue()
        assert shown.count("records") == expected
        assert shown.count("\n") == (1 if stream.isatty() else 3)
        assert shown.endswith("\n")
