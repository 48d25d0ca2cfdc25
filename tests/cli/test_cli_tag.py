"""`biospan tag`, in this process and on a tagger without weights, whose opinions are the oracle."""

import json
import os
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from biospan import formats
from biospan.document import Document
from biospan.errors import InputError
from biospan.tagger import Tagger
from conftest import Outcome, small_tagger

RunCli = Callable[..., Outcome]

TEXT = "IL-2 gene expression and the p50 protein of T cells, and NF-kappa B of the nucleus."
HOSTILE = (
    "IL-2\r\n<b>gene</b> & \N{DNA DOUBLE HELIX}\N{FAMILY}\u200d\n\u05d0\u05d1\u05d2 \u202eabc\u202c"
    " e\u0301xpression \0 of\u2028cells\tand \ufeff protein\x85IL-2 gene"
)


@pytest.fixture
def tagger(monkeypatch: pytest.MonkeyPatch) -> Tagger:
    """The tagger that the command gets instead of the bundled one."""
    tagger = small_tagger()
    monkeypatch.setattr("biospan.tagger.load", lambda *args, **kwargs: tagger)
    return tagger


def spans(document: Document) -> list[tuple[int, int, str]]:
    return [(e.start, e.end, e.label) for e in document.entities]


def parsed(out: str) -> list[Document]:
    return [Document.from_dict(json.loads(line)) for line in out.splitlines()]


def test_a_text_is_shown_with_a_line_for_each_entity(run_cli: RunCli, tagger: Tagger) -> None:
    done = run_cli("tag", TEXT)
    expected = tagger.tag(TEXT).entities
    assert len(expected) > 1
    body, _, table = done.out.partition("\n\n")
    assert body == TEXT
    rows = [
        (int(m[1]), int(m[2]), m[3], float(m[4]), m[5])
        for m in re.finditer(r"^ +(\d+)-(\d+) +(\S+) +(\S+)  (.+)$", table, re.M)
    ]
    assert rows == [(e.start, e.end, e.label, round(e.score or 0, 3), e.text) for e in expected]


def test_a_text_without_entities_says_so(run_cli: RunCli, tagger: Tagger) -> None:
    assert "no entities" in run_cli("tag", " \n").out


@pytest.mark.parametrize("lines", [False, True])
def test_jsonl_is_what_the_library_says(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path, lines: bool
) -> None:
    source = tmp_path / "abstract.txt"
    source.write_bytes(f"{TEXT}\r\n\r\n{TEXT.lower()}".encode())
    options = ["--lines"] if lines else []
    found = parsed(run_cli("tag", source, "--format", "jsonl", *options).out)
    texts = [TEXT, TEXT.lower()] if lines else [f"{TEXT}\r\n\r\n{TEXT.lower()}"]
    ids = ["1", "3"] if lines else ["abstract"]
    assert [d.id for d in found] == ids
    assert found == list(tagger.tag_many(Document(t, i) for t, i in zip(texts, ids, strict=True)))
    assert all(d.entities for d in found)


def test_offsets_index_the_files_own_text_whatever_is_in_it(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path
) -> None:
    for suffix in (".txt", ".TXT", ".strange", ""):
        source = tmp_path / f"hostile{suffix}"
        source.write_bytes(HOSTILE.encode())
        (document,) = parsed(run_cli("tag", source, "-f", "jsonl").out)
        text = source.read_bytes().decode()
        assert document.text == text
        assert document.entities
        assert all(text[e.start : e.end] == e.text for e in document.entities)


def test_standard_input_is_a_document_or_one_for_each_line(run_cli: RunCli, tagger: Tagger) -> None:
    content = f"{TEXT}\r\n\n{TEXT}".encode()
    (whole,) = parsed(run_cli("tag", "-", "-f", "jsonl", stdin=content).out)
    assert (whole.id, whole.text) == ("stdin", content.decode())
    lines = parsed(run_cli("tag", "-", "-f", "jsonl", "--lines", stdin=content).out)
    assert [(d.id, d.text) for d in lines] == [("1", TEXT), ("3", TEXT)]


def test_several_inputs_of_all_kinds_keep_their_order(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "b.txt").write_text("the gene")
    (tmp_path / "folder" / "a.txt").write_text("of cells")
    (tmp_path / "c.iob2").write_text("###MEDLINE:7\n\nIL-2\tB-DNA\ngene\tI-DNA\n")
    (tmp_path / "d.jsonl").write_text('{"id": "j", "text": "protein il"}\n')
    arguments = [tmp_path / "folder", "and the", tmp_path / "c.iob2", "-", tmp_path / "d.jsonl"]
    found = parsed(run_cli("tag", *arguments, "-f", "jsonl", stdin=b"il").out)
    texts = ["of cells", "the gene", "and the", "IL-2 gene", "il", "protein il"]
    assert [d.text for d in found] == texts
    assert [d.id for d in found] == ["a", "b", "2", "7", "stdin", "j"]
    assert [(t.start, t.end) for t in found[3].tokens()] == [(0, 4), (5, 9)]


def test_a_long_text_is_a_text_and_not_a_file_name(run_cli: RunCli, tagger: Tagger) -> None:
    long = f"{TEXT} " * 100
    (document,) = parsed(run_cli("tag", long, "-f", "jsonl").out)
    assert document.text == long


def test_a_word_that_is_no_file_is_told_before_a_model_is_loaded(
    run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("biospan.tagger.load", lambda *args, **kwargs: pytest.fail("loaded"))
    done = run_cli("tag", TEXT, "interleukin")
    assert (done.code, done.out) == (66, "")
    assert "`interleukin`: no such file" in done.err


@pytest.mark.parametrize("options", [[], ["--lines"]])
@pytest.mark.parametrize("name", ["bad.txt", "bad"])
def test_a_file_that_is_not_utf_8_is_refused_with_its_line(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path, name: str, options: list[str]
) -> None:
    source = tmp_path / name
    source.write_bytes(b"fine\n\xff\n")
    done = run_cli("tag", source, *options)
    assert done.code == (3 if options else 65)  # of lines, the others are tagged
    assert f"{source}:2: byte 0xff" in done.err


def test_standard_input_that_is_not_utf_8_is_refused(run_cli: RunCli, tagger: Tagger) -> None:
    done = run_cli("tag", "-", stdin=b"\n\n\xff")
    assert done.code == 65
    assert "standard input:3: byte 0xff" in done.err


def test_tsv_has_a_row_for_each_entity(run_cli: RunCli, tagger: Tagger) -> None:
    header, *rows = run_cli("tag", TEXT, "-f", "tsv").out.splitlines()
    assert header.split("\t") == [
        "document",
        "start",
        "end",
        "label",
        "text",
        "score",
        "id",
        "source",
    ]
    assert [row.split("\t") for row in rows] == [
        ["", str(e.start), str(e.end), e.label, e.text, f"{e.score:.4f}", "", ""]
        for e in tagger.tag(TEXT).entities
    ]


def test_iob2_keeps_given_tokens_and_reads_back(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path
) -> None:
    source = tmp_path / "in.iob2"
    source.write_text("###MEDLINE:7\n\nIL-2\tB-DNA\ngene\tI-DNA\nof\tO\nIL-2\tO\ncells\tO\n")
    output = tmp_path / "out.iob2"
    assert run_cli("tag", source, "-f", "iob2", "-o", output) == Outcome(0, "", "")
    (given,) = formats.read(source)
    (back,) = formats.read(output)
    assert spans(back) == spans(tagger.tag(given))
    assert [t.text for t in back.tokens()] == ["IL-2", "gene", "of", "IL-2", "cells"]


def test_brat_of_several_documents_needs_a_folder(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path
) -> None:
    done = run_cli("tag", TEXT, f"{TEXT} Again.", "-f", "brat")
    assert (done.code, done.out) == (65, "")
    assert "--output FOLDER" in done.err
    folder = tmp_path / "new" / "folder"
    assert run_cli("tag", TEXT, f"{TEXT} Again.", "-f", "brat", "-o", folder).code == 0
    back = list(formats.read(folder))
    expected = list(tagger.tag_many([TEXT, f"{TEXT} Again."]))
    assert [d.text for d in back] == [d.text for d in expected]
    assert [spans(d) for d in back] == [spans(d) for d in expected]


def test_brat_of_one_document_is_printed(run_cli: RunCli, tagger: Tagger) -> None:
    rows = run_cli("tag", TEXT, "-f", "brat").out.splitlines()
    assert len(rows) == len(tagger.tag(TEXT).entities)
    assert all(re.fullmatch(r"T\d+\t\S+ \d+ \d+\t.+", row) for row in rows)


class Page(HTMLParser):
    """What a browser would see: the text of the page's body, its elements and addresses."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.addresses: list[str] = []
        self.text = ""
        self._skipped = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self._skipped += tag in ("style", "title", "small")

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in ("style", "title", "small")

    def handle_data(self, data: str) -> None:
        self.text += data if not self._skipped else ""


def test_html_is_self_contained_and_escapes_everything(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path
) -> None:
    source = tmp_path / "x.txt"
    hostile = (
        '<script src="https://example.org/x.js">gene</script> & <img src=x onerror=y> il cells'
    )
    source.write_text(hostile)
    page_file = tmp_path / "page.html"
    run_cli("tag", source, TEXT, "--html", page_file)
    content = page_file.read_text(encoding="utf-8")
    page = Page(content)
    assert page.addresses == []
    assert page.elements <= {
        *("html", "head", "meta", "title", "style", "body", "div", "mark", "bdi", "h2", "small")
    }
    assert hostile in page.text
    assert TEXT in page.text
    assert content.count("<style>") == 1
    assert content.endswith("</body></html>\n")
    assert content.count("<mark ") == sum(len(d.entities) for d in tagger.tag_many([hostile, TEXT]))
    assert "url(" not in content
    assert "@import" not in content


def test_labels_are_kept_or_refused(run_cli: RunCli, tagger: Tagger) -> None:
    everything = tagger.tag(TEXT).entities
    assert {e.label for e in everything} == {"DNA", "protein"}
    for wanted in (["DNA"], ["protein"], ["DNA", "protein"]):
        options = [option for label in wanted for option in ("--label", label)]
        (document,) = parsed(run_cli("tag", TEXT, "-f", "jsonl", *options).out)
        assert list(document.entities) == [e for e in everything if e.label in wanted]
    done = run_cli("tag", TEXT, "--label", "RNA", "--label", "DNA", "--label", "protien")
    assert done.code == 78
    assert "RNA, protien: the model knows DNA, protein" in done.err


def test_entities_below_the_least_score_are_dropped(run_cli: RunCli, tagger: Tagger) -> None:
    everything = tagger.tag(TEXT).entities
    scores = sorted(e.score or 0.0 for e in everything)
    assert scores[0] < scores[-1]
    for least in (0.0, scores[len(scores) // 2], 1.0):
        (document,) = parsed(run_cli("tag", TEXT, "-f", "jsonl", "--min-score", least).out)
        assert list(document.entities) == [e for e in everything if (e.score or 0) >= least]


@pytest.mark.parametrize(
    "options",
    [["-o", "{}/none/x.jsonl"], ["-f", "brat", "-o", "{}/file/x"], ["--html", "{}/none/x.html"]],
)
def test_an_output_that_cannot_be_written_is_exit_code_73(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path, options: list[str]
) -> None:
    (tmp_path / "file").touch()
    done = run_cli("tag", TEXT, *(option.format(tmp_path) for option in options))
    assert done.code == 73
    assert str(tmp_path) in done.err


@pytest.mark.parametrize("option", ["--output", "--html"])
def test_an_input_is_never_overwritten(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path, option: str
) -> None:
    source = tmp_path / "x.txt"
    source.write_text(TEXT)
    done = run_cli("tag", source, option, tmp_path / ".." / tmp_path.name / "x.txt")
    assert done.code == 78
    assert "an input is there" in done.err
    assert source.read_text() == TEXT


@pytest.mark.parametrize("given", ["x.txt", "x.ann", "", "link/x.txt", "../linked.txt"])
@pytest.mark.parametrize(
    "options",
    [["-f", "brat", "-o", "{}"], ["-f", "brat", "-o", "{}/link"], ["--html", "{}/x.txt"]],
)
def test_inputs_are_safe_in_the_output_folder(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path, given: str, options: list[str]
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x.txt").write_text(TEXT)
    (folder / "x.ann").write_text("T1\tDNA 0 4\tIL-2\n")
    (folder / "link").symlink_to(folder)
    (tmp_path / "linked.txt").symlink_to(folder / "x.txt")
    before = {path: path.read_bytes() for path in folder.glob("x.*")}
    done = run_cli("tag", folder / given, *(option.format(folder) for option in options))
    assert done.code == 78, done.err
    assert "an input is there" in done.err
    assert {path: path.read_bytes() for path in folder.glob("x.*")} == before


def test_outputs_beside_inputs_are_written(run_cli: RunCli, tagger: Tagger, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text(TEXT)
    for _ in range(2):  # one's own output may be written again
        assert run_cli("tag", tmp_path, "-f", "jsonl", "-o", tmp_path / "out.jsonl").code == 0
        assert run_cli("tag", tmp_path, "-f", "brat", "-o", tmp_path / "sub").code == 0
    assert (tmp_path / "x.txt").read_text() == TEXT


@pytest.mark.parametrize("exists", [False, True])
def test_two_outputs_need_two_places(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path, exists: bool
) -> None:
    output, other = tmp_path / "x", tmp_path / ".." / tmp_path.name / "x"
    if exists:
        output.write_text("before")
        other = tmp_path / "hard"
        other.hardlink_to(output)
    done = run_cli("tag", TEXT, "-o", output, "--html", other)
    assert done.code == 78
    assert "both --output and --html" in done.err
    assert output.exists() == exists


def test_an_output_is_packed_by_its_name(run_cli: RunCli, tagger: Tagger, tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl.gz"
    assert run_cli("tag", TEXT, "-f", "jsonl", "-o", output) == Outcome(0, "", "")
    assert list(formats.read(output)) == [tagger.tag(TEXT)]


@pytest.mark.parametrize("options", [[], ["--lines"]])
def test_a_pipe_with_a_name_is_plain_text(
    run_cli: RunCli, tagger: Tagger, options: list[str]
) -> None:
    reading, writing = os.pipe()
    os.write(writing, f"{TEXT}\n".encode())
    os.close(writing)
    (document,) = parsed(run_cli("tag", f"/dev/fd/{reading}", "-f", "jsonl", *options).out)
    os.close(reading)
    assert document.text.strip() == TEXT


@pytest.mark.parametrize("name", ["x.jsonl", "x.iob2", "x.ann", "folder"])
def test_lines_of_what_is_not_plain_text_are_refused(
    run_cli: RunCli, tmp_path: Path, name: str
) -> None:
    (tmp_path / "folder").mkdir()
    for file in ("x.jsonl", "x.iob2", "x.ann"):
        (tmp_path / file).touch()
    done = run_cli("tag", TEXT, tmp_path / name, "--lines")
    assert (done.code, done.out) == (78, "")
    assert f"--lines: {tmp_path / name}: not plain text" in done.err


def test_repair_without_columns_is_refused(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").touch()
    done = run_cli("tag", tmp_path / "x.jsonl", "-", "see x.iob2", "--repair")
    assert (done.code, done.out) == (78, "")
    assert f"--repair: {tmp_path / 'x.jsonl'}, -, see x.iob2: no IOB2 columns" in done.err


def test_an_interrupt_is_exit_code_130_and_nothing_else(
    run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("biospan.tagger.load", interrupt)
    assert run_cli("tag", TEXT) == Outcome(130, "", "")


def test_a_broken_or_missing_model_is_refused(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    broken = run_cli("tag", TEXT, "--model", tmp_path)
    assert (broken.code, broken.out) == (69, "")
    assert "`model.onnx` is missing" in broken.err
    missing = run_cli("tag", TEXT, "--model", tmp_path / "none")
    assert missing.code == 66


def test_an_unknown_engine_is_refused(run_cli: RunCli) -> None:
    done = run_cli("tag", TEXT, "--engine", "tensorrt")
    assert (done.code, done.out) == (78, "")
    assert "`tensorrt`" in done.err


def test_options_reach_the_loader(
    run_cli: RunCli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[object] = []

    def load(path: Path | None, **options: object) -> Tagger:
        asked.extend([path, options])
        return small_tagger()

    monkeypatch.setattr("biospan.tagger.load", load)
    run_cli("tag", TEXT, "--model", tmp_path, "--engine", "openvino", "--threads", 2)
    assert asked == [tmp_path, {"engine": "openvino", "threads": 2}]


def test_a_rejected_document_does_not_take_the_others_with_it(
    run_cli: RunCli, tagger: Tagger, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = Tagger.prepare

    def picky(self: Tagger, documents: list[Document]) -> Iterator[object]:
        if any("\N{SNOWMAN}" in document.text for document in documents):
            raise InputError("no snowmen")
        return iter(prepare(self, documents))

    monkeypatch.setattr(Tagger, "prepare", lambda *args: list(picky(*args)))
    content = f"{TEXT}\nbad \N{SNOWMAN}\n{TEXT}\n".encode()
    done = run_cli("tag", "-", "--lines", "-f", "jsonl", stdin=content)
    assert done.code == 3
    assert "1 not tagged" in done.err
    assert "document `2`: no snowmen" in done.err
    found = parsed(done.out)
    assert [bool(d.entities) for d in found] == [True, False, True]
    assert [d.metadata for d in found] == [{}, {"biospan_error": "no snowmen"}, {}]


def test_sloppy_tags_need_repair(run_cli: RunCli, tagger: Tagger, tmp_path: Path) -> None:
    source = tmp_path / "sloppy.iob2"
    source.write_text("of\tO\ncells\tI-protein\n")
    refused = run_cli("tag", source)
    assert refused.code == 65
    assert f"{source}:2" in refused.err
    (document,) = parsed(run_cli("tag", source, "-f", "jsonl", "--repair").out)
    assert [t.text for t in document.tokens()] == ["of", "cells"]


def test_a_bad_record_costs_only_itself(run_cli: RunCli, tmp_path: Path) -> None:
    data = b"IL-2 gene\nbroken \xff line\nthe NF-kappa B protein\n"
    done = run_cli("tag", "-", "--lines", "-f", "jsonl", stdin=data)
    assert done.code == 3
    assert "1 not tagged\nstandard input:2: byte 0xff" in done.err
    assert [d.text for d in parsed(done.out)] == ["IL-2 gene", "the NF-kappa B protein"]
    (tmp_path / "a.jsonl").write_text('{"text": "IL-2"}\n{broken\n{"text": "p53"}\n')
    (tmp_path / "b.iob2").write_text("IL-2\tI-DNA\n")
    done = run_cli("tag", tmp_path / "a.jsonl", tmp_path / "b.iob2", "-f", "jsonl")
    assert done.code == 3
    assert f"2 not tagged\n{tmp_path / 'a.jsonl'}:2: not JSON" in done.err
    assert f"\n{tmp_path / 'b.iob2'}:1: tag `I-DNA`" in done.err
    assert [d.text for d in parsed(done.out)] == ["IL-2", "p53"]


def test_the_page_names_its_documents(run_cli: RunCli, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    run_cli("tag", "-", "--lines", "--html", page, stdin=b"IL-2 gene\nHL-60 cells\n")
    content = page.read_text(encoding="utf-8")
    assert content.index("<h2>1</h2>") < content.index("IL-2 gene")
    assert content.index("IL-2 gene") < content.index("<h2>2</h2>") < content.index("HL-60")


@pytest.mark.parametrize("name", ["parquet", "spacy"])
def test_formats_of_bytes_are_written_to_a_file(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path, name: str
) -> None:
    pytest.importorskip({"parquet": "pyarrow", "spacy": "spacy"}[name])
    path = tmp_path / f"out.{name}"
    assert run_cli("tag", TEXT, "-f", name, "-o", path).code == 0
    (document,) = formats.read(path)
    assert document.entities == tagger.tag(TEXT).entities


def test_every_format_that_holds_entities_can_be_printed() -> None:
    from biospan.cli.tag import Format

    assert {*Format} - {"text"} == {*formats.FORMATS, *formats.BINARY_FORMATS} - {"txt"}


def test_no_half_output_is_left(
    run_cli: RunCli, tagger: Tagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Iterator[Document]:
        yield Document("IL-2")
        raise KeyboardInterrupt

    monkeypatch.setattr(type(tagger), "tag_many", broken)
    out, page = tmp_path / "a.csv", tmp_path / "a.html"
    assert run_cli("tag", TEXT, "-f", "csv", "-o", out, "--html", page).code == 130
    assert list(tmp_path.iterdir()) == []


def test_steps_after_the_model_are_done(run_cli: RunCli, tagger: Tagger, tmp_path: Path) -> None:
    terms, no = tmp_path / "terms.tsv", tmp_path / "no.txt"
    terms.write_text(f"{TEXT[:-1]}\tsentence\tX:1\n")
    options = ["--dictionary", terms, "--refine", "repeats", "--refine", "abbreviations"]
    shown = run_cli("tag", TEXT, *options, "--label", "sentence").out
    assert re.search(rf"^ +0-{len(TEXT) - 1} +sentence +-  ", shown, re.M)
    no.write_text(TEXT[:-1])
    assert (
        "no entities" in run_cli("tag", TEXT, *options, "--label", "sentence", "--exclude", no).out
    )
    assert run_cli("tag", TEXT, "--dictionary", tmp_path / "none.tsv").code == 66
