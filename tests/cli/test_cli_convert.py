import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from biospan import formats
from biospan.document import Document, Entity
from biospan.formats import brat, jsonl
from conftest import Outcome

RunCli = Callable[..., Outcome]

IL2 = Document("IL-2 gene", "7", entities=(Entity(0, 9, "DNA", "IL-2 gene", 0.5),))
OTHER = Document("none", "8", metadata={"year": "2001"})


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    formats.write([IL2, OTHER], tmp_path / "a.jsonl")
    return tmp_path / "a.jsonl"


@pytest.mark.parametrize("name", ["b.jsonl", "b.ndjson.gz", "b.parquet", "b.spacy"])
def test_suffixes_say_the_formats(run_cli: RunCli, corpus: Path, name: str) -> None:
    target = corpus.with_name(name)
    assert run_cli("convert", corpus, target) == Outcome(0, "", "")
    assert list(formats.read(target)) == [IL2, OTHER]
    again = corpus.with_name("again.jsonl")
    assert run_cli("convert", target, again).code == 0
    assert again.read_bytes() == corpus.read_bytes()


def test_options_say_the_formats_of_pipes(run_cli: RunCli, corpus: Path) -> None:
    data = corpus.read_bytes()
    for given in (data, gzip.compress(data)):
        done = run_cli("convert", "-", "-", "--from", "jsonl", "--to", "csv", stdin=given)
        assert done.out.split("\r\n")[1] == "7,0,9,DNA,IL-2 gene,0.5000,,"
    corpus.rename(corpus.with_name("unknown"))
    done = run_cli("convert", corpus.with_name("unknown"), "-", "--from", "ndjson", "--to", "jsonl")
    assert done.out == data.decode()


def test_brat_is_a_folder(run_cli: RunCli, corpus: Path, tmp_path: Path) -> None:
    assert run_cli("convert", corpus, tmp_path / "brat", "--to", "brat").code == 0
    assert {file.name for file in (tmp_path / "brat").iterdir()} == {
        "7.txt",
        "7.ann",
        "8.txt",
        "8.ann",
    }
    assert run_cli("convert", tmp_path / "brat", tmp_path / "b.jsonl").code == 0
    assert [d.text for d in jsonl.read(tmp_path / "b.jsonl")] == ["IL-2 gene", "none"]
    for arguments in (["-", "x.jsonl", "--from", "brat"], [corpus, "-", "--to", "brat"]):
        done = run_cli("convert", *arguments)
        assert (done.code, "brat is a folder" in done.err) == (78, True)


def test_the_warning_has_counts(
    run_cli: RunCli, corpus: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run_cli("convert", corpus, corpus.with_name("b.csv"))
    assert [record.getMessage() for record in caplog.records] == [
        "`csv` does not keep: 2 texts, 1 metadata"
    ]


def test_bad_records_are_left_out_and_told(run_cli: RunCli, corpus: Path) -> None:
    pytest.importorskip("pyarrow")
    with corpus.open("ab") as file:
        file.write(b'{"text": 5}\n{"text": "\xff"}\n')
    done = run_cli("convert", corpus, corpus.with_name("b.parquet"))
    assert done.code == 3
    assert done.err.splitlines()[0] == "biospan: error: 2 rejected, 2 written"
    assert f"{corpus}:3: " in done.err
    assert f"{corpus}:4: byte 0xff" in done.err
    assert list(formats.read(corpus.with_name("b.parquet"))) == [IL2, OTHER]


def test_columns_are_read_past_a_bad_document_or_mended(run_cli: RunCli, tmp_path: Path) -> None:
    source = tmp_path / "a.iob2"
    rows = ("a\tO", "b\tI-DNA\nc\tI-RNA", "", "d\tB-DNA\ne f g", "h\tB-DNA")
    source.write_text("".join(f"###MEDLINE:{n}\n\n{row}\n\n" for n, row in enumerate(rows, 1)))
    done = run_cli("convert", source, tmp_path / "a.jsonl")
    assert done.code == 3
    assert f"2 rejected, 3 written\n{source}:7: tag `I-DNA` cannot follow" in done.err
    assert "(and 1 more in `2`)" in done.err
    assert f"\n{source}:17: " in done.err
    assert [d.id for d in jsonl.read(tmp_path / "a.jsonl")] == ["1", "3", "5"]
    source.write_text("b\tI-DNA\nc\tI-RNA\n")
    for arguments in ((source, "-"), ("-", "-", "--from", "iob2")):
        done = run_cli("convert", *arguments, "--to", "tsv", "--repair", stdin=source.read_bytes())
        assert (done.code, done.out.count("\n")) == (0, 3), done.err


def test_places_in_standard_input_are_called_so(run_cli: RunCli) -> None:
    done = run_cli(
        "convert", "-", "-", "--from", "jsonl", "--to", "jsonl", stdin=b'{"text": ""}\n{'
    )
    assert (done.code, json.loads(done.out)["text"]) == (3, "")
    assert "standard input:2: not JSON" in done.err


@pytest.mark.parametrize("data", [b"{\n[]\n", b"\x1f\x8b\x08"])
def test_nothing_is_written_if_nothing_can_be_read(
    run_cli: RunCli, tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "a.jsonl").write_bytes(data)
    done = run_cli("convert", tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    assert done.code == 65
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]


def test_no_half_file_is_left(
    run_cli: RunCli, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")

    def broken(path: Path) -> object:
        yield IL2
        raise OSError(5, "Input/output error")

    corpus.with_name("b.csv").write_text("old")
    monkeypatch.setitem(formats._RECORDS, jsonl.read, broken)
    assert run_cli("convert", corpus, corpus.with_name("b.csv")).code == 74
    assert run_cli("convert", corpus, corpus.with_name("c.parquet")).code == 74
    assert corpus.with_name("b.csv").read_text() == "old"
    assert {file.name for file in corpus.parent.iterdir()} == {"a.jsonl", "b.csv"}


def test_an_input_is_never_overwritten(run_cli: RunCli, corpus: Path, tmp_path: Path) -> None:
    brat.write_dir([IL2], tmp_path / "brat")
    corpus.with_name("link.jsonl").symlink_to(corpus)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    for arguments in (
        [corpus, corpus],
        [corpus, corpus.with_name("link.jsonl")],
        [tmp_path / "brat", tmp_path / "brat" / "7.txt"],
        [tmp_path / "brat", tmp_path / "brat"],
        [tmp_path / "brat" / "7.ann", tmp_path / "brat" / "7.txt"],
        [tmp_path / "brat" / "7.txt", tmp_path / "brat"],
    ):
        done = run_cli("convert", *arguments)
        assert (done.code, "the input is there" in done.err) == (78, True)
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (["none.jsonl", "b.csv"], 66, "no such file or folder"),
        (["a.jsonl", "b.pdf"], 73, "unknown suffix `.pdf`, expected one of"),
        (["a.jsonl", "b.parquet.gz"], 73, "packed already"),
        (["a.jsonl", "none/b.csv"], 73, "cannot be written"),
        (["a.jsonl", "b", "--to", "parquett"], 78, "Did you mean `parquet`?"),
        (["a.jsonl", "b.csv", "--from", "jsonll"], 78, "Did you mean `jsonl`?"),
        (["a.jsonl", "b.txt"], 65, "plain text holds one document"),
        (["-", "b.csv"], 78, "Pass --from FORMAT"),
        (["a.jsonl", "-"], 78, "Pass --to FORMAT"),
        (["a.jsonl"], 2, "OUT"),
    ],
)
def test_what_cannot_be_is_told(
    run_cli: RunCli,
    corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    code: int,
    what: str,
) -> None:
    monkeypatch.chdir(corpus.parent)
    done = run_cli("convert", *arguments)
    assert (done.code, what in done.err) == (code, True), done.err
    assert [file.name for file in corpus.parent.iterdir()] == ["a.jsonl"]


def test_the_schema_is_printed(run_cli: RunCli) -> None:
    done = run_cli("convert", "--schema")
    assert done.code == 0
    assert json.loads(done.out)["$id"] == "urn:biospan:document:1"


def test_the_corpus_survives_every_format_that_keeps_all(
    run_cli: RunCli, jnlpba_dir: Path, tmp_path: Path
) -> None:
    for package in ("pyarrow", "spacy"):
        pytest.importorskip(package)
    source = tmp_path / "sample.iob2"
    lines = (jnlpba_dir / "Genia4ERtask2.iob2").read_text(encoding="utf-8").split("\n")[:20_000]
    source.write_text("\n".join(lines[: max(n for n, x in enumerate(lines) if "MEDLINE" in x)]))
    expected = list(formats.read(source))
    for name in ("a.jsonl.gz", "a.parquet", "a.spacy", "a.iobes"):
        assert run_cli("convert", source, tmp_path / name).code == 0
        assert list(formats.read(tmp_path / name)) == expected
