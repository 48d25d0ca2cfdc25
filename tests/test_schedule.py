"""Which windows share a call of the model, and what goes on beside it."""

import random
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from biospan import pieces, schedule
from biospan.document import Document


def stretches(sizes: list[int]) -> list[pieces.Stretch]:
    """One token a piece, one sentence."""
    return [
        pieces.Stretch(np.zeros(n, np.int64), np.zeros(n, np.int64), np.arange(n), np.array([n]))
        for n in sizes
    ]


def test_batches_have_every_window_once_and_little_padding() -> None:
    rng = random.Random(0)
    made = stretches([min(510, int(rng.lognormvariate(3.4, 0.5)) + 1) for _ in range(900)])
    windows = [w for index, s in enumerate(made) for w in pieces.plan(index, s, 510)]
    found = list(schedule.batches(windows, made))
    assert sorted(w for batch in found for w in batch) == sorted(windows)
    used = run = 0
    for batch in found:
        sizes = [pieces.size(window, made[window.stretch]) for window in batch]
        assert max(sizes) * len(sizes) <= schedule.BATCH_PIECES
        used, run = used + sum(sizes), run + max(sizes) * len(sizes)
    assert used >= 0.95 * run


def test_few_windows_are_padded_no_more_than_a_call_is_worth() -> None:
    made = stretches([10, 11, 12, 30, 50, 51])
    windows = [w for index, s in enumerate(made) for w in pieces.plan(index, s, 510)]
    found = list(schedule.batches(windows, made))
    assert [[window.stretch for window in batch] for batch in found] == [[0, 1, 2], [3], [4, 5]]


def test_a_window_larger_than_a_batch_is_one() -> None:
    made = stretches([schedule.BATCH_PIECES * 2])
    window = pieces.Window(0, 0, schedule.BATCH_PIECES * 2, 0, schedule.BATCH_PIECES * 2)
    assert list(schedule.batches([window], made)) == [[window]]


def test_groups_are_bounded_in_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "LOOK_AHEAD", 20)
    documents = [Document("x" * n) for n in (3, 3, 3, 30, 0, 2)]
    found = [[len(d.text) for d in group] for group in schedule.groups(documents)]
    assert found == [[3, 3, 3], [30], [0, 2]]


def test_the_next_item_is_made_while_the_work_goes_on() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    def work(item: int) -> int:
        assert made.wait(10)  # would time out if items waited for the work
        assert threading.current_thread() is not threading.main_thread()
        return item * 10

    assert list(schedule.overlapped(items(), work)) == [(1, 10), (2, 20)]


def test_errors_of_items_and_of_the_work_reach_the_caller() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("items")

    with pytest.raises(KeyError, match="items"):
        list(schedule.overlapped(items(), str))
    with pytest.raises(ZeroDivisionError):
        list(schedule.overlapped([1, 0], lambda item: 1 / item))


def test_who_stops_early_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    found = schedule.overlapped(range(100), str)
    assert next(found) == (0, "0")
    found.close()
    assert threading.active_count() == before
