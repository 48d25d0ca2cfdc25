"""The order of shards: all of them once, each file by as few workers as possible."""

from biospan.jobs.agenda import Agenda
from biospan.jobs.inputs import Input
from biospan.jobs.plan import Shard


def files(*counts: int) -> list[Input]:
    return [Input(str(n), 0, 0, "", records=count) for n, count in enumerate(counts)]


def shards(n: int) -> list[Shard]:
    return [Shard(index, 10 * index, 10) for index in range(n)]


def taken(agenda: Agenda, *workers: int) -> list[int | None]:
    found = [agenda.next(worker) for worker in workers]
    return [None if shard is None else shard.index for shard in found]


def test_each_worker_reads_a_file_of_its_own_while_there_are_enough() -> None:
    agenda = Agenda(shards(6), files(20, 20, 20))
    assert taken(agenda, 0, 1, 0, 1, 1, 0) == [0, 2, 1, 3, 4, 5]
    assert taken(agenda, 0, 1) == [None, None]


def test_workers_share_a_file_forwards() -> None:
    agenda = Agenda(shards(4), files(40))
    assert taken(agenda, 0, 1, 1, 0, 0) == [0, 1, 2, 3, None]


def test_a_worker_without_a_file_helps_where_most_is_left() -> None:
    agenda = Agenda(shards(6), files(20, 40))
    assert taken(agenda, 0, 1, 0, 0, 0) == [0, 2, 1, 3, 4]


def test_a_shard_that_is_put_back_comes_next() -> None:
    agenda = Agenda(shards(3), files(30))
    first = agenda.next(0)
    assert first is not None
    assert taken(agenda, 1) == [1]
    agenda.put_back(first)
    assert taken(agenda, 0, 1, 0) == [0, 2, None]
