"""Tables and code spans hold whatever is put into them."""

from biospan.train.markdown import code, table


def test_a_cell_cannot_end_a_row_or_a_column() -> None:
    assert table(("a", "b"), [("x|y", "two\nlines"), (1, 0.5)]) == [
        "| a | b |",
        "|---|---|",
        "| x\\|y | two lines |",
        "| 1 | 0.5 |",
        "",
    ]


def test_a_name_cannot_end_its_code_span() -> None:
    assert code("a`b\n c") == "`a'b c`"
