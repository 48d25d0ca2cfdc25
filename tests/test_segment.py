"""Sentences and decision units: coverage, boundaries, linear work, and the JNLPBA corpus."""

import importlib
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan import segment
from biospan.segment import sentence_spans, token_spans

LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"

# Any code point at all, lone surrogates and NUL too, and prose made of what the rules look at.
hostile = st.text(st.characters(), max_size=200)
pieces = [
    *"()[]{}.?!,\"' \t\n\r\x00\x1c\x1f\x85\u2026\u2019\u2028",
    *"\u00a0\ud800\udc00\U0001f600\u05d0\u4e2d",
    *(". ", ".)", "? ", ".[1,2] ", "... ", "J. ", " et al. ", "e.g. ", "Fig. ", " i.v. ", " 1. "),
    *("The ", "p53 ", "IL-2", "e\u0301", "\u03b1", "\r\n"),
]
prose = st.lists(st.sampled_from(pieces), max_size=80).map("".join)


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@given(hostile | prose)
def test_sentences_are_ordered_stripped_and_hold_every_character_once(text: str) -> None:
    position = 0
    for start, end in sentence_spans(text):
        assert position <= start < end
        assert not text[position:start].strip()
        assert text[start:end] == text[start:end].strip()
        assert not set(text[start:end]) & set(LINE_BREAKS)
        position = end
    assert not text[position:].strip()


@given(hostile | prose)
def test_tokens_are_ordered_and_hold_every_character_once(text: str) -> None:
    position = 0
    for start, end in token_spans(text):
        assert position <= start < end
        assert not text[position:start].strip()
        assert not any(character.isspace() for character in text[start:end])
        position = end
    assert not text[position:].strip()


@given(hostile | prose)
def test_the_tokens_of_the_sentences_are_inside_them_and_lose_nothing(text: str) -> None:
    covered = []
    for start, end in sentence_spans(text):
        tokens = token_spans(text, start, end)
        assert (tokens[0][0], tokens[-1][1]) == (start, end)
        covered += [text[left:right] for left, right in tokens]
    assert "".join(covered) == "".join(text.split())


@pytest.mark.parametrize("text", ["", " ", "\n\t\r\n\x1f\u2028\u00a0"])
def test_blank_text_has_no_sentences_and_no_tokens(text: str) -> None:
    assert sentence_spans(text) == token_spans(text) == []


@pytest.mark.parametrize("line_break", [*LINE_BREAKS, "\r\n"])
def test_a_line_break_ends_a_sentence_even_inside_brackets(line_break: str) -> None:
    assert split(f"a (b{line_break}c) d.") == ["a (b", "c) d."]


WRAPPED = (
    "The glucocorticoid receptor binds the IL-2 promoter in peripheral blood T cells. It is not "
    "known how NF-kappa B (of which p50 and p65 are subunits) takes part. We show that Jurkat "
    "cells need both, whereas HL-60 cells need neither. Mutation of the site had no effect."
)


@pytest.mark.parametrize("width", [45, 60, 78, 100])
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_wrapped_text_has_the_sentences_of_the_text(width: int, line_break: str) -> None:
    text = line_break.join(textwrap.wrap(WRAPPED, width))
    assert [" ".join(part.split()) for part in split(text)] == split(WRAPPED)


@pytest.mark.parametrize(
    "text",
    [
        "Interleukin-2 gene activation in T lymphocytes\nWe studied how CD28 enhances it"
        + " so" * 90,
        "Role of NF-kappa B in activated T cells\nExpression of c-fos\nHL-60 cells and retinoic "
        "acid: a review\nGATA-1",
        "alpha\nbeta\ngamma\ndelta",
        "The first paragraph ends here without a stop, long enough\n\nand this is another",
        "A heading that is quite long but is a heading:\nand here is what comes under that heading",
    ],
)
def test_lines_that_are_not_wrapped_stay_apart(text: str) -> None:
    assert split(text) == [line for line in text.split("\n") if line]


def test_abstracts_survive_wrapping(jnlpba_dir: Path) -> None:
    whole = kept = 0
    for path in sorted((jnlpba_dir / "standoff" / "train").glob("*.txt"))[:300]:
        title, _, abstract = path.read_text(encoding="utf-8").partition("\n")
        wrap = textwrap.TextWrapper(78, break_on_hyphens=False).wrap
        text = "\n".join(wrap(title) + wrap(abstract))
        expected = split(title) + split(abstract)
        found = {" ".join(part.split()) for part in split(text)}
        whole += len(expected)
        kept += sum(" ".join(part.split()) in found for part in expected)
    assert kept / whole > 0.97


@pytest.mark.parametrize(
    "marked",
    [
        "We follow Smith et al. (2019) here.| See Fig. 2A.| Figs. 1 and 2 show WT vs. KO mice.",
        "E. coli grew, i.e. p53 was lost, e.g. by MDM2, at approx. 5 %.| S. aureus did not.",
        "Dr. Smith met Prof. A. B. Jones and J. Doe.| No. 5 failed (ref. 12).| See ref. 12.",
        "S. enterica subsp. Enterica, Vibrio sp. Nov and var. Natto grew.",
        "It was seen.| p53 is a protein.| alpha-Amanitin blocks it.| \u03b1-Synuclein binds it.",
        "It fell.| mRNA rose.| c-fos too.| beta 2-m did not.| eIF4E binds.| n-Acetyl groups.",
        "It is safe.[1,2]| Others disagree.[3\u20135]| The rest agree.7,8| Done.¹| Really.",
        "It fell (P < 0.05).| The end.| (It is.)| [See below.]| We stop.",
        'He said "it works."| Then "Why?" he asked.| Is it so?| Yes!| \u201cQuoted\u201d words.',
        "METHODS: We measured 3.5 and .05.| RESULTS: It rose.",
        "U.S. patients and U.K. Patients did well.| They live in the U.S.| The rest do not.",
        "We tested NF-kappa B.| Cells grew for 24 h.| Mice were injected i.p.| Rats too.",
        "We cite (C. H. Fox, J. Virol. 65, 1991. See it.) once.| See J. Biol. Chem. 27.",
        "1. First point.| 2. Second point.| (a) Third point.",
        "The sequence CTTGG ... CCAAG was used.| And so on...| The end .| That is tokenised .",
        "It rose.|(ABSTRACT TRUNCATED AT 250 WORDS)",
        "It binds protein.DNA complexes and p50.p65 at 0.5 mM.",
        ") It fell.| Rats (both.| They rose.| And fell.",
    ],
)
def test_sentences_end_where_a_reader_ends_them(marked: str) -> None:
    assert split(marked.replace("|", "")) == [part.strip() for part in marked.split("|")]


def test_a_bracket_that_closes_too_late_hides_no_boundary() -> None:
    text = "It rose (see " + "here. Then it fell. " * 100 + ")."
    assert len(sentence_spans(text)) > 100


def test_tokens_are_words_and_single_other_characters() -> None:
    text = "NF-kappaB_1 (\u03b12), 5\u2032."
    units = ["NF", "-", "kappaB_1", "(", "\u03b12", ")", ",", "5", "\u2032", "."]
    assert [text[start:end] for start, end in token_spans(text)] == units


def test_combining_diacritics_stay_with_their_word() -> None:
    assert token_spans("nai\u0308ve e\u0301 \u0301") == [(0, 6), (7, 9), (10, 11)]


def test_tokens_can_be_asked_of_a_part_of_the_text() -> None:
    assert token_spans("IL-2 gene", 5) == [(5, 9)]
    assert token_spans("IL-2 gene", 0, 4) == [(0, 2), (2, 3), (3, 4)]


HOSTILE_UNITS = [
    "a. ",
    "(",
    ".",
    "A. B. ",
    " ",
    '"',
    ")",
    "et al. ",
    ".[1",
    "(aa. B ",
    "a.1,2 ",
    "\n",
]


@pytest.mark.parametrize("unit", HOSTILE_UNITS)
def test_twice_the_text_is_twice_the_work(unit: str) -> None:
    """Counts executed lines; what a line does in C is bounded by the two tests below."""
    once, twice = (_lines_executed(unit * count) for count in (500, 1000))
    assert twice <= 2.1 * once + 50


def _lines_executed(text: str) -> int:
    count = 0

    def tracer(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return tracer if frame.f_code.co_filename == segment.__file__ else None

    previous = sys.gettrace()
    sys.settrace(tracer)
    try:
        sentence_spans(text)
        token_spans(text)
    finally:
        sys.settrace(previous)
    return count


@pytest.mark.parametrize("name", ["_LINE", "_EVENT", "_NEXT", "_TOKEN"])
def test_expressions_that_read_the_whole_text_never_backtrack_far(name: str) -> None:
    """After an unbounded run nothing is required that could fail, and no run is inside another."""
    parser = importlib.import_module("re._parser")
    expression = getattr(segment, name)
    branches = _branches(list(parser.parse(expression.pattern)))
    for branch in branches:
        for position, (_, argument) in enumerate(branch):
            if not _is_unbounded(branch[position]):
                continue
            assert not any(_is_unbounded(inner) for inner in argument[2])
            for operation in branch[position + 1 :]:
                rest = parser.SubPattern(parser.State(), [operation])
                assert rest.getwidth()[0] == 0


def _branches(operations: list[Any]) -> list[list[Any]]:
    if len(operations) == 1 and str(operations[0][0]) == "BRANCH":
        return [list(branch) for branch in operations[0][1][1]]
    return [operations]


def _is_unbounded(operation: Any) -> bool:
    name, argument = operation
    return str(name) in {"MAX_REPEAT", "MIN_REPEAT"} and argument[1] > 1000


@pytest.mark.parametrize("unit", HOSTILE_UNITS)
def test_one_decision_sees_a_bounded_stretch_of_text(
    unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[int] = []
    decide = segment._can_start

    def watched(word: str) -> bool:
        lengths.append(len(word))
        return decide(word)

    monkeypatch.setattr(segment, "_can_start", watched)
    sentence_spans(unit * 1000 + ". " + "x" * 1000)
    assert max(lengths) <= 40


# The corpus: raw texts aligned with the official sentences by their non-white-space characters.


def test_sentences_of_the_development_abstracts_reach_the_target(jnlpba_dir: Path) -> None:
    right = wrong = missed = skipped = 0
    for document_id, sentences in _gold_sentences(jnlpba_dir):
        text = _text(jnlpba_dir, document_id)
        gold = _gold_starts(text, sentences)
        if gold is None:
            skipped += 1
            continue
        # The first sentence of a line is no decision.
        lines = {match.end() - 1 for match in re.finditer(r"^\s*\S", text, re.MULTILINE)}
        found = {start for start, _ in sentence_spans(text)} - lines
        gold -= lines
        right += len(gold & found)
        wrong += len(found - gold)
        missed += len(gold - found)
    assert skipped <= 15
    assert right > 1200
    assert 2 * right / (2 * right + wrong + missed) >= 0.993


def test_entities_of_the_development_abstracts_have_token_edges(jnlpba_dir: Path) -> None:
    n_entities = n_aligned = 0
    for document_id in _development_ids(jnlpba_dir):
        tokens = token_spans(_text(jnlpba_dir, document_id))
        starts, ends = {start for start, _ in tokens}, {end for _, end in tokens}
        annotations = jnlpba_dir / "standoff" / "train" / f"{document_id}.ann"
        for line in annotations.read_text(encoding="utf-8").splitlines():
            _, start, end = line.split("\t")[1].split()
            n_entities += 1
            n_aligned += int(start) in starts and int(end) in ends
    assert n_entities > 4000
    assert n_aligned / n_entities >= 0.998


def _development_ids(folder: Path) -> list[str]:
    return (folder / "dev.ids").read_text(encoding="utf-8").split()


def _text(folder: Path, document_id: str) -> str:
    return (folder / "standoff" / "train" / f"{document_id}.txt").read_text(encoding="utf-8")


def _gold_sentences(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each development abstract's id and its sentences without white space."""
    wanted = set(_development_ids(folder))
    corpus = (folder / "Genia4ERtask2.iob2").read_text(encoding="utf-8")
    for abstract in corpus.split("###MEDLINE:")[1:]:
        document_id, *blocks = abstract.strip().split("\n\n")
        if document_id in wanted:
            yield document_id, [re.sub(r"\t\S+\n?", "", block) for block in blocks]


def _gold_starts(text: str, sentences: list[str]) -> set[int] | None:
    """Return where the gold sentences start in the text, or None if the two differ."""
    # The corpus writes a double quote as two single ones.
    characters = list(re.finditer(r"``|''|\S", text))
    plain = [re.sub("``|''", '"', match[0]) for match in characters]
    gold = [re.sub("``|''", '"', sentence) for sentence in sentences]
    if "".join(plain) != "".join(gold):
        return None
    starts, position = set(), 0
    for sentence in gold:
        starts.add(characters[position].start())
        position += len(sentence)
    return starts
