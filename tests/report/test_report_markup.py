"""Pieces of HTML."""

from biospan.report.markup import table


def test_rows_of_a_table_may_come_one_by_one() -> None:
    rows: list[list[str | int | float | None]] = [["protein", 12], ["DNA", 3], ["all", 15]]
    shown = table(["label", "n"], iter(rows), n_foot=1)
    assert shown == table(["label", "n"], rows, n_foot=1)
    assert shown.count('<th scope="row">') == 3
