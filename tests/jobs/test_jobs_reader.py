"""Reading any run of records of several files, against all of them read at once."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from stand_in import write_corpus

from biospan import formats
from biospan.formats.record import Rejected
from biospan.jobs import plan
from biospan.jobs.reader import Reader


@pytest.fixture
def made(tmp_path: Path) -> plan.Plan:
    write_corpus(tmp_path / "corpus", sizes=(13, 1, 30))
    paths = sorted((tmp_path / "corpus").iterdir())
    return plan.make(paths, {}, 10, on_record=lambda n: None, should_stop=lambda: False)


def test_any_run_of_records_in_any_order_is_what_the_files_hold(made: plan.Plan) -> None:
    records = [record for item in made.inputs for record in formats.records(item.path)]
    reader = Reader(made.inputs)
    rng = random.Random(0)
    for _ in range(200):
        first = rng.randrange(len(records))
        count = rng.randint(1, len(records) - first)
        found = list(reader.take(first, count))
        assert found == list(enumerate(records[first : first + count], start=first))


def test_the_place_of_a_record_is_what_its_format_says(made: plan.Plan) -> None:
    reader = Reader(made.inputs)
    for ordinal, record in reader.take(0, 44):
        if isinstance(record, Rejected):
            path, number = reader.place(ordinal)
            assert record.where == f"{path}:{number}"


def test_a_file_with_fewer_records_than_planned_is_an_error_of_the_disk(made: plan.Plan) -> None:
    grown = [*made.inputs[:2], replace(made.inputs[2], records=31)]
    with pytest.raises(OSError, match=r"otherwise than .*its end comes after 30 records"):
        list(Reader(grown).take(20, 25))
