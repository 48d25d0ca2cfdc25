from collections.abc import Iterable
from pathlib import Path

import pytest

from biospan import corpora
from biospan.errors import ConfigError, InputError, MissingInputError
from conftest import skip_or_fail

IDS = [str(number) for number in range(900, 690, -1)]


def columns(ids: Iterable[str]) -> str:
    return "".join(f"###MEDLINE:{id}\n\nIL-2\tB-DNA\ngene\tI-DNA\nof\tO\n\n" for id in ids)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A corpus folder of 210 tiny documents in both forms, in an order that is not sorted."""
    (tmp_path / "Genia4ERtask2.iob2").write_text(columns(IDS))
    (tmp_path / "Genia4EReval2.iob2").write_text(columns(["1", "2"]))
    (tmp_path / "dev.ids").write_text("\n".join(IDS[-200:]) + "\n")
    for split, ids in (("train", IDS), ("test", ["1", "2"])):
        texts = tmp_path / "standoff" / split
        texts.mkdir(parents=True)
        for id in ids:
            (texts / f"{id}.txt").write_text(f"IL-2 gene of {id}")
            (texts / f"{id}.ann").write_text("T1\tDNA 0 9\tIL-2 gene\n")
    return tmp_path


def ids(name: str, split: str, path: Path | None) -> list[str]:
    return [document.id for document in corpora.read_corpus(name, split, path=path)]


@pytest.mark.parametrize("name", ["jnlpba", "jnlpba-text"])
def test_splits_follow_the_official_order(folder: Path, name: str) -> None:
    assert ids(name, "all", folder) == IDS
    assert ids(name, "train", folder) == IDS[:10]
    assert ids(name, "dev", folder) == IDS[10:]
    assert ids(name, "test", folder) == ["1", "2"]


@pytest.mark.parametrize("gone", ["dev.ids", "Genia4ERtask2.iob2"])
def test_text_splits_need_the_ids_or_the_columns(folder: Path, gone: str) -> None:
    (folder / gone).unlink()
    assert ids("jnlpba-text", "dev", folder) == IDS[10:]
    assert sorted(ids("jnlpba-text", "train", folder)) == sorted(IDS[:10])


def test_text_splits_cannot_be_known_without_either(folder: Path) -> None:
    (folder / "dev.ids").unlink()
    (folder / "Genia4ERtask2.iob2").unlink()
    with pytest.raises(MissingInputError, match=r"neither .* nor `dev\.ids`"):
        corpora.read_corpus("jnlpba-text", "dev", path=folder)


def test_a_development_list_that_disagrees_is_refused(folder: Path) -> None:
    (folder / "dev.ids").write_text("\n".join(IDS[:200]))
    with pytest.raises(InputError, match=r"dev\.ids: expected the last 200 ids"):
        corpora.read_corpus("jnlpba", "dev", path=folder)


def test_too_few_documents_cannot_be_split(folder: Path) -> None:
    (folder / "dev.ids").unlink()
    (folder / "Genia4ERtask2.iob2").write_text(columns(IDS[:200]))
    with pytest.raises(InputError, match="200 documents, of which 200"):
        corpora.read_corpus("jnlpba", "train", path=folder)


def test_forms_that_hold_other_documents_are_refused(folder: Path) -> None:
    (folder / "standoff" / "train" / "x.txt").write_text("more")
    with pytest.raises(InputError, match=r"1 ids are either not here .*: x"):
        corpora.read_corpus("jnlpba-text", "all", path=folder)


def test_documents_with_the_same_id_are_named(folder: Path) -> None:
    (folder / "Genia4ERtask2.iob2").write_text(columns([*IDS, "895", "890"]))
    (folder / "dev.ids").unlink()
    with pytest.raises(InputError, match="2 ids belong to several documents: 895, 890"):
        corpora.read_corpus("jnlpba", "all", path=folder)


def test_one_file_is_read_whole_whatever_the_split(folder: Path) -> None:
    assert ids("jnlpba", "train", folder / "Genia4EReval2.iob2") == ["1", "2"]


def test_test_columns_without_marks_are_sentences(folder: Path) -> None:
    (folder / "Genia4EReval2.iob2").write_text("a\tO\n\nb\tO\n")
    assert ids("jnlpba", "test", folder) == ["1", "2"]


def test_the_folder_comes_from_the_environment_or_is_data(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("home")
    (data / "data").mkdir()
    (data / "data" / "jnlpba").symlink_to(folder)
    monkeypatch.setenv("BIOSPAN_DATA", str(data / "data"))
    assert ids("jnlpba", "test", None) == ["1", "2"]
    monkeypatch.delenv("BIOSPAN_DATA")
    monkeypatch.chdir(data)
    assert ids("jnlpba", "test", None) == ["1", "2"]


def test_a_missing_corpus_says_where_it_looked_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match=r"none.*Genia4ERtraining\.tar\.gz.*BIOSPAN_DATA"):
        corpora.read_corpus("jnlpba", path=tmp_path / "none")
    with pytest.raises(MissingInputError, match=r"Genia4EReval2\.iob2"):
        corpora.read_corpus("jnlpba", "test", path=tmp_path)
    with pytest.raises(MissingInputError, match="standoff"):
        corpora.read_corpus("jnlpba-text", path=tmp_path)


@pytest.mark.parametrize(
    ("name", "split", "hint"),
    [("jnlbpa", "train", "`jnlpba`"), ("jnlpba", "tset", "`test`"), ("x", "dev", "Known: jnlpba,")],
)
def test_unknown_names_get_the_nearest_known(name: str, split: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=hint):
        corpora.read_corpus(name, split)


def test_statistics_count_each_thing(folder: Path) -> None:
    counted = corpora.statistics(corpora.read_corpus("jnlpba", "test", path=folder))
    assert (counted.documents, counted.sentences, counted.tokens) == (2, 2, 6)
    assert counted.tags == {"B-DNA": 2, "I-DNA": 2, "O": 2}
    assert counted.entities == {"DNA": 2}


def test_counts_are_paired_with_the_published_ones(folder: Path) -> None:
    counted = corpora.statistics(corpora.read_corpus("jnlpba", "test", path=folder))
    pairs = {pair.name: pair for pair in corpora.compare_with_published("jnlpba", "test", counted)}
    assert (pairs["documents"].counted, pairs["documents"].published) == (2, 404)
    assert pairs["B-RNA"].published == 118
    assert not pairs["tokens"].matches
    assert corpora.compare_with_published("jnlpba", "dev", counted) == []


@pytest.mark.parametrize(("split", "tokens"), [("all", 492_551), ("test", 101_039)])
def test_published_tags_add_up_to_the_published_tokens(split: str, tokens: int) -> None:
    assert corpora.CORPORA["jnlpba"].published[split].tokens == tokens


def test_the_official_columns_have_the_published_counts(jnlpba_dir: Path) -> None:
    counted = corpora.statistics(corpora.read_corpus("jnlpba", "all", path=jnlpba_dir))
    pairs = corpora.compare_with_published("jnlpba", "all", counted)
    assert len(pairs) == 14
    assert [pair for pair in pairs if not pair.matches] == []


def test_the_texts_have_the_published_entities_under_the_same_ids(jnlpba_dir: Path) -> None:
    if not (jnlpba_dir / "standoff").is_dir():
        skip_or_fail("data", f"no `standoff` folder in {jnlpba_dir}")
    columns = corpora.read_corpus("jnlpba", "all", path=jnlpba_dir)
    texts = corpora.read_corpus("jnlpba-text", "all", path=jnlpba_dir)
    assert [d.id for d in texts] == [d.id for d in columns]
    pairs = corpora.compare_with_published("jnlpba-text", "all", corpora.statistics(texts))
    assert [pair.name for pair in pairs] == [
        "documents",
        "DNA",
        "RNA",
        "cell_line",
        "cell_type",
        "protein",
    ]
    assert [pair for pair in pairs if not pair.matches] == []
