"""Corpora at a path: every form, and which documents are which split."""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan import corpora
from biospan.corpora import own, read_corpus
from biospan.document import Document, Entity
from biospan.errors import ConfigError, InputError, MissingInputError
from biospan.formats import brat, iob2, jsonl

FORMS = ["iob2", "jsonl", "brat"]
SPLITS = ("train", "dev", "test", "all")


def documents(ids: Iterable[str]) -> list[Document]:
    """Each with a gene and, overlapping it, a drug target."""
    text = "BRCA1 gene of "
    entities = (Entity(0, 5, "Gene", "BRCA1"), Entity(11, 13, "Other-label", "of"))
    return [Document(text + id_, id_, entities=entities) for id_ in ids]


def write(found: Sequence[Document], folder: Path, name: str, form: str) -> Path:
    """Write documents as a file, or folder of brat files, of that name."""
    if form == "brat":
        brat.write_dir(found, folder / name)
        return folder / name
    path = folder / f"{name}.{form}"
    with path.open("w", encoding="utf-8") as stream:
        {"iob2": iob2.write, "jsonl": jsonl.write}[form](found, stream)
    return path


def ids(path: Path, split: str) -> list[str]:
    return [document.id for document in read_corpus(str(path), split)]


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_with_splits_is_read_as_it_is(tmp_path: Path, form: str) -> None:
    for split, names in (("train", "abc"), ("dev", "de"), ("test", "f")):
        write(documents(names), tmp_path, split, form)
    (tmp_path / "README.txt").write_text("about")
    (tmp_path / "licence.md").write_text("about")
    assert [ids(tmp_path, split) for split in SPLITS] == [
        ["a", "b", "c"],
        ["d", "e"],
        ["f"],
        ["a", "b", "c", "d", "e"],
    ]
    for document in read_corpus(str(tmp_path), "all"):
        assert [(e.label, e.text) for e in document.entities] == [
            ("Gene", "BRCA1"),
            ("Other-label", "of"),
        ]


def test_splits_may_be_of_different_forms(tmp_path: Path) -> None:
    write(documents("ab"), tmp_path, "train", "brat")
    write(documents("c"), tmp_path, "dev", "iob2")
    assert (ids(tmp_path, "train"), ids(tmp_path, "dev")) == (["a", "b"], ["c"])


@pytest.mark.parametrize("form", FORMS)
def test_without_splits_the_hash_of_ids_chooses_the_same_tenth_in_every_form(
    tmp_path: Path, form: str
) -> None:
    names = [f"PMID-{number:04}" for number in range(300)]
    path = write(documents(names), tmp_path, "corpus", form)
    expected = [name for name in names if int(sha256(name.encode()).hexdigest(), 16) % 10 == 0]
    assert 15 < len(expected) < 50
    assert ids(path, "dev") == expected
    assert ids(path, "train") == [name for name in names if name not in expected]
    assert ids(path, "all") == names


@given(st.sets(st.text(max_size=8), min_size=1), st.sets(st.text(max_size=8)))
def test_a_document_stays_in_its_split_when_others_are_added(
    before: set[str], more: set[str]
) -> None:
    def dev(names: set[str]) -> set[str]:
        return own._hashed(own._keyed([Document("x", f"id {name}") for name in sorted(names)], ""))

    assert dev(before) == dev(before | more) & {f"id {name}" for name in before}


def test_without_ids_the_texts_are_hashed(tmp_path: Path) -> None:
    texts = [f"gene {number} of many" for number in range(200)]
    path = tmp_path / "corpus.jsonl"

    def dev_texts(found: list[str]) -> set[str]:
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in found))
        return {document.text for document in read_corpus(str(path), "dev")}

    before = dev_texts(texts)
    assert 5 < len(before) < 50
    assert dev_texts(["first", *texts]) - {"first"} == before
    assert ids(path, "all") == [str(number) for number in range(1, 202)]


@pytest.mark.parametrize("first", [0, 1])
def test_ids_that_only_count_are_told_apart_by_split(tmp_path: Path, first: int) -> None:
    numbers = [str(first), str(first + 1)]
    write(documents(numbers), tmp_path, "train", "jsonl")
    (tmp_path / "dev.iob2").write_text("a\tO\n\nBRCA1\tB-Gene\n")
    assert ids(tmp_path, "train") == [f"train-{number}" for number in numbers]
    assert ids(tmp_path, "all") == [*ids(tmp_path, "train"), "dev-1", "dev-2"]


@pytest.mark.parametrize("form", FORMS)
def test_a_list_of_ids_chooses_instead_of_the_hash(tmp_path: Path, form: str) -> None:
    path = write(documents("abcdef"), tmp_path, "corpus", form)
    beside = path if path.is_dir() else tmp_path
    (beside / "dev.ids").write_text("e\n\nb\r\n")
    assert (ids(path, "dev"), ids(path, "train")) == (["b", "e"], ["a", "c", "d", "f"])
    assert ids(path, "all") == list("abcdef")


def test_a_list_of_ids_takes_dev_out_of_train(tmp_path: Path) -> None:
    write(documents("abcd"), tmp_path, "train", "brat")
    write(documents("x"), tmp_path, "test", "jsonl")
    (tmp_path / "dev.ids").write_text("b")
    found = [ids(tmp_path, split) for split in SPLITS]
    assert found == [["a", "c", "d"], ["b"], ["x"], ["a", "b", "c", "d"]]


def test_a_list_of_ids_must_fit(tmp_path: Path) -> None:
    path = write(documents("ab"), tmp_path, "corpus", "jsonl")
    for listed, message in (
        ("a\nz\n", r"dev\.ids: 1 ids that no document of .*corpus\.jsonl has: `z`"),
        ("", r"no document would be `dev`, of 2 in all\. .*dev\.ids"),
        ("a\nb", r"no document would be `train`, of 2"),
    ):
        (tmp_path / "dev.ids").write_text(listed)
        with pytest.raises(InputError, match=message):
            read_corpus(str(path), "train")
    (tmp_path / "dev.ids").write_text("a")
    write(documents("c"), tmp_path, "dev", "iob2")
    write(documents("d"), tmp_path, "train", "iob2")
    with pytest.raises(InputError, match=r"both `dev\.iob2` and `dev\.ids`"):
        read_corpus(str(tmp_path), "dev")


def test_a_corpus_too_small_for_a_tenth_says_what_to_do(tmp_path: Path) -> None:
    path = write(documents("a"), tmp_path, "corpus", "jsonl")
    with pytest.raises(InputError, match=r"of 1 in all\. Choose those of `dev` by their ids"):
        read_corpus(str(path), "dev")


def test_what_is_not_split_has_no_test(tmp_path: Path) -> None:
    path = write(documents("ab"), tmp_path, "corpus", "jsonl")
    with pytest.raises(MissingInputError, match="not split, so it has no `test`"):
        read_corpus(str(path), "test")


@pytest.mark.parametrize(
    ("there", "split", "message"),
    [
        (["train.jsonl"], "dev", r"no split `dev`, found `train\.jsonl`.*`dev\.jsonl`.*dev\.ids"),
        (["train.jsonl"], "all", "no split `dev`"),
        (
            ["train.jsonl", "devel.tsv"],
            "dev",
            r"no split `dev`, found `devel\.tsv`, `train\.jsonl`",
        ),
        (["train.jsonl", "dev.jsonl"], "test", r"no split `test`, found `dev\.jsonl`, `train\."),
        (["dev.jsonl"], "train", r"no split `train`, found `dev\.jsonl`"),
        (["train.iob2", "train.jsonl"], "dev", r"`train` is there 2 times: `train\.iob2`, `tr"),
        (["train.jsonl.gz", "train/"], "dev", "`train` is there 2 times"),
        (["train.jsonl", "dev.jsonl", "a.ann"], "train", "both splits .* and brat files"),
        (["corpus.jsonl"], "train", r"no corpus.*found `corpus\.jsonl`"),
        ([], "train", "no corpus.*found nothing"),
        (["train.jsonl", "dev.jsonl"], "train", "split `train` has no documents"),
    ],
)
def test_what_cannot_be_told_names_what_was_found(
    tmp_path: Path, there: list[str], split: str, message: str
) -> None:
    for name in there:
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).touch()
    with pytest.raises((InputError, MissingInputError), match=message):
        read_corpus(str(tmp_path), split)


def test_unknown_names_and_splits_and_a_second_path_are_refused(tmp_path: Path) -> None:
    path = str(write(documents("ab"), tmp_path, "corpus", "jsonl"))
    with pytest.raises(ConfigError, match="unknown split `tain`. Did you mean `train`"):
        read_corpus(path, "tain")
    with pytest.raises(ConfigError, match="is a path itself"):
        read_corpus(path, "train", path=tmp_path)
    with pytest.raises(ConfigError, match=r"unknown corpus `.*jnlpba-txt`.*nor is there a file"):
        read_corpus("jnlpba-txt")
    with pytest.raises(ConfigError, match="unknown corpus ``"):
        read_corpus("")


def test_a_known_name_is_not_a_folder_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(documents("ab"), tmp_path, "jnlpba", "brat")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BIOSPAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BIOSPAN_DATA", raising=False)
    with pytest.raises(MissingInputError):
        read_corpus("jnlpba", "all")
    assert ids(Path("./jnlpba").absolute(), "all") == ["a", "b"]


def test_repeated_ids_and_unknown_suffixes_are_refused(tmp_path: Path) -> None:
    path = write(documents("aba"), tmp_path, "corpus", "jsonl")
    with pytest.raises(InputError, match="1 ids belong to several documents: a"):
        read_corpus(str(path), "all")
    (tmp_path / "corpus.pdf").touch()
    with pytest.raises(InputError, match="unknown suffix `.pdf`"):
        read_corpus(str(tmp_path / "corpus.pdf"), "all")


def test_nothing_is_known_of_it(tmp_path: Path) -> None:
    known = corpora.find_corpus(str(tmp_path))
    assert (known.name, known.licence, known.remarks) == (str(tmp_path), "not stated", ())
    counted = corpora.statistics(documents("ab"))
    assert counted.entities == {"Gene": 2, "Other-label": 2}
    assert corpora.compare_with_published(str(tmp_path), "all", counted) == []
