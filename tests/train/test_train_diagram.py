"""The reliability diagram: well-formed, and its points are the bins."""

import math
from xml.etree import ElementTree

import pytest

from biospan.model_dir import _check_plot
from biospan.train.diagram import COLOURS, EDGE, SIDE, draw

SVG = "{http://www.w3.org/2000/svg}"
FORMS = {
    "one": [(7, 0.1, 0.0), (7, 0.55, 0.625), (6, 0.97, 1.0)],
    "<two> & 'three' \x00": [(9, 0.0, 0.25), (9, 1.0, 0.875)],
}


def test_points_are_the_bins_and_names_are_words() -> None:
    root = ElementTree.fromstring(draw(FORMS))
    assert root.tag == f"{SVG}svg"
    points = [
        (
            circle.get("fill"),
            (float(circle.get("cx", "")) - EDGE) / SIDE,
            1 - (float(circle.get("cy", "")) - EDGE) / SIDE,
        )
        for circle in root.iter(f"{SVG}circle")
    ]
    expected = [
        (colour, score, right)
        for colour, bins in zip(COLOURS, FORMS.values(), strict=False)
        for _, score, right in bins
    ]
    assert len(points) == len(expected)
    for got, wanted in zip(points, expected, strict=True):
        assert got[0] == wanted[0]
        assert got[1:] == pytest.approx(wanted[1:], abs=0.005 / SIDE + 1e-9)
    words = [text.text for text in root.iter(f"{SVG}text")]
    assert words[-2:] == ["one", "<two> & 'three'  "]


def test_everything_lies_inside_the_picture() -> None:
    root = ElementTree.fromstring(draw(FORMS))
    _, _, width, height = map(float, root.get("viewBox", "").split())
    for element in root:
        for name, largest in (("x", width), ("cx", width), ("y", height), ("cy", height)):
            value = float(element.get(name, "0"))
            assert math.isfinite(value)
            assert 0 <= value <= largest


def test_a_model_directory_takes_what_is_drawn() -> None:
    _check_plot(draw(FORMS).encode(), "reliability.svg")
