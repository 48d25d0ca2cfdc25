"""A tagger with steps: what it tags, and what it is known by."""

import pickle
from pathlib import Path

import pytest

from biospan.document import Document
from biospan.errors import ConfigError
from biospan.refine import Refined, Steps, mark_repeats
from biospan.tagger import ERROR_KEY
from conftest import small_tagger

TEXT = "The IL-2 gene and IL-2 in cells of the IL-2 protein, IL-2."


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    dictionary, exclusions = tmp_path / "d.tsv", tmp_path / "e.txt"
    dictionary.write_text("IL-2\tcytokine\tX:1\n")
    exclusions.write_text("gene\n")
    return dictionary, exclusions


def test_no_steps_are_the_tagger_itself() -> None:
    tagger = small_tagger()
    assert Steps().applied_to(tagger) is tagger


def test_each_document_goes_through_the_steps(files: tuple[Path, Path]) -> None:
    tagger = small_tagger()
    steps = Steps(names=("repeats",), dictionary=files[0], exclusions=files[1])
    refined = pickle.loads(pickle.dumps(steps)).applied_to(tagger)
    assert isinstance(refined, Refined)
    assert refined.labels == ("DNA", "cytokine", "protein")
    (document,) = refined.tag_many([TEXT])
    assert document == refined.tag(TEXT)
    assert [e.id for e in document.entities if e.text == "IL-2"].count("X:1") >= 1
    assert "gene" not in {e.text for e in document.entities}
    only = Refined(tagger, [mark_repeats])
    assert only.tag(TEXT) == mark_repeats(tagger.tag(TEXT))


def test_a_document_that_failed_is_left_alone(files: tuple[Path, Path]) -> None:
    class Failing:
        labels, fingerprint = ("protein",), ""

        def tag_many(self, texts: object) -> list[Document]:
            return [Document("IL-2").with_metadata(**{ERROR_KEY: "no"})]

    refined = Steps(dictionary=files[0]).applied_to(Failing())  # type: ignore[arg-type]
    (document,) = refined.tag_many([""])
    assert document.entities == ()


def test_every_step_and_every_byte_of_a_file_shows_in_the_fingerprint(
    files: tuple[Path, Path],
) -> None:
    tagger = small_tagger()

    def fingerprint(**steps: object) -> str:
        return Steps(**steps).applied_to(tagger).fingerprint  # type: ignore[arg-type]

    known = [
        fingerprint(),
        *(fingerprint(names=(name,)) for name in ("abbreviations", "repeats", "labels")),
        fingerprint(names=("repeats", "labels")),
        fingerprint(dictionary=files[0]),
        fingerprint(exclusions=files[1]),
    ]
    for file in files:
        file.write_text(file.read_text() + "# more\n")
    known += [fingerprint(dictionary=files[0]), fingerprint(exclusions=files[1])]
    assert len(set(known)) == len(known)
    assert fingerprint(names=("labels", "repeats")) == known[4]


def test_an_unknown_step_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="`repeat`: unknown. Did you mean `repeats`"):
        Steps(names=("repeat",))
