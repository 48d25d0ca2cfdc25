"""Finding many mentions at once, against looking for each by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biospan.errors import InputError
from biospan.refine.folding import parts
from biospan.refine.matcher import MAX_PARTS, Matcher, keeps_case


def matcher(*mentions: str) -> Matcher[str]:
    made = Matcher[str]()
    for mention in mentions:
        made.add(mention, mention)
    return made


def found(text: str, *mentions: str) -> list[str]:
    return [text[start:end] for start, end, _ in matcher(*mentions).find(text)]


@pytest.mark.parametrize(
    ("mention", "spellings"),
    [
        ("TNF-α", ["TNF-α", "TNFα", "TNF alpha", "tnf-ALPHA", "TNF\u2011\u03b1", "TNF \u03b1"]),
        ("NF-kappa B", ["NF-κB", "NFκB", "NF kappa B", "nf-KAPPA-b", "NF\u2013\u03ba\u2013B"]),
        ("interleukin-2", ["Interleukin 2", "interleukin-2", "interleukin\n2"]),
        ("CD4+ T cells", ["CD4\u207a T cells", "cd4+ t-cells"]),
        ("µ-opioid receptor", ["mu opioid receptor", "\u03bc-opioid receptor"]),
    ],
)
def test_spellings_of_one_mention_are_found(mention: str, spellings: list[str]) -> None:
    for spelling in spellings:
        assert found(f"The {spelling}, seen.", mention) == [spelling]


@pytest.mark.parametrize(
    ("mention", "other"),
    [
        *(("IL-2", "IL2"), ("IL-2", "IL-22"), ("IL-2", "il-2"), ("IL-2", "XIL-2"), ("WAS", "was")),
        *(("cat", "CAT"), ("CD4-", "CD4"), ("alpha", "TNFα"), ("p53", "p530"), ("IL-2", "IL. 2")),
    ],
)
def test_other_mentions_are_not(mention: str, other: str) -> None:
    assert found(f"The {other} was.", mention) == []


def test_the_longest_from_the_left_wins() -> None:
    mentions = ("T cell", "T cell receptor", "cell receptor alpha chain", "receptor")
    assert found("A T cell receptor alpha chain", *mentions) == ["T cell receptor"]
    assert found("A T cell receiver and receptor", *mentions) == ["T cell", "receptor"]


def test_a_mention_has_one_value_whatever_its_spelling() -> None:
    made = Matcher[int]()
    assert (made.add("TNF-α", 1), made.add("TNF alpha", 2), len(made)) == (1, 1, 1)
    assert (made.get("TNFα"), made.get("TNF")) == (1, None)


@pytest.mark.parametrize("mention", ["", " - ", "+", "a " * (MAX_PARTS + 1)])
def test_what_cannot_be_looked_for_is_refused(mention: str) -> None:
    with pytest.raises(InputError, match="mention"):
        matcher(mention)


words = st.sampled_from(["a", "IL", "2", "α", "B", "ab", "-", "+", "β"])


@given(
    st.lists(words, max_size=30),
    st.lists(st.lists(words, min_size=1, max_size=4), max_size=8),
    st.sampled_from(["", " "]),
)
def test_it_finds_what_trying_every_mention_everywhere_finds(
    text_words: list[str], mention_words: list[list[str]], between: str
) -> None:
    text = between.join(text_words)
    mentions = [m for m in map(" ".join, mention_words) if any(map(str.isalnum, m))]
    cut = parts(text)

    def spelt(part: list[object], exact: bool) -> list[str]:
        return [p.exact if exact else p.key for p in part]  # type: ignore[attr-defined]

    expected, position = [], 0
    while position < len(cut):
        longest = 0
        for mention in mentions:
            exact = keeps_case(mention)
            wanted = spelt(list(parts(mention)), exact)
            end = position + len(wanted)
            same = spelt(list(cut[position:end]), exact) == wanted
            if same and cut[position].start is not None and cut[end - 1].end is not None:
                longest = max(longest, len(wanted))
        if longest:
            expected.append((cut[position].start, cut[position + longest - 1].end))
        position += max(1, longest)
    assert [(start, end) for start, end, _ in matcher(*mentions).find(text)] == expected
