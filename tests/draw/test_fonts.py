"""Texts in any script: a font with the glyphs is found, and what none has is spelt out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from limelight import draw
from limelight.draw import fonts, panels


def make_font(file: Path, family: str, characters: str) -> Path:
    """A font whose every glyph is a full square, and whose missing glyph is a thin bar."""

    def box(width: int) -> object:
        pen = TTGlyphPen(None)
        pen.moveTo((0, 0))
        for corner in ((0, 800), (width, 800), (width, 0)):
            pen.lineTo(corner)
        pen.closePath()
        return pen.glyph()

    names = {ord(character): f"g{number}" for number, character in enumerate(characters)}
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    glyphs = {name: box(900) for name in names.values()}
    builder.setupGlyf({".notdef": box(60), **glyphs})
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *glyphs], (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    file.parent.mkdir(parents=True, exist_ok=True)
    builder.save(file)
    return file


@pytest.fixture
def own_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system that has no font but those put into this folder."""
    folder = tmp_path / "fonts"
    folder.mkdir()
    monkeypatch.setattr(fonts, "_folders", lambda: [folder])
    fonts._font_files.cache_clear()
    return folder


def test_one_font_that_has_everything_is_preferred(own_fonts: Path) -> None:
    make_font(own_fonts / "A.ttf", "A", "ab")
    everything = make_font(own_fonts / "B.ttf", "B", "ab개")
    assert fonts.runs("ab 개") == [("ab 개", everything)]


def test_a_text_in_two_scripts_is_split_between_two_fonts(own_fonts: Path) -> None:
    hangul = make_font(own_fonts / "Hangul.ttf", "H", "개미")
    hebrew = make_font(own_fonts / "Hebrew.ttf", "I", "א")
    assert fonts.runs("개미 א") == [("개미 ", hangul), ("א", hebrew)]


def test_a_character_of_no_font_is_written_as_its_code_point(own_fonts: Path) -> None:
    assert fonts.runs("a 개\U0001f436\n<b>") == [("a \\uac1c\\U0001f436 <b>", None)]
    assert fonts.runs("a\ufe0f\u200b") == [("a", None)]  # nothing to see, nothing to write
    assert fonts.runs(" \n") == []


def test_files_that_are_no_fonts_are_passed_over(own_fonts: Path) -> None:
    (own_fonts / "broken.ttf").write_bytes(b"not a font")
    (own_fonts / "empty.otf").touch()
    assert fonts.runs("abc") == [("abc", None)]


def test_plain_faces_come_before_bold_and_unknown_ones(own_fonts: Path) -> None:
    for name in ("Zebra-Bold", "Zebra", "DejaVuSans-Bold", "DejaVuSans", "NotoSansCJK-Regular"):
        make_font(own_fonts / f"{name}.ttf", name, "a")
    names = [file.stem for file in fonts.font_files() if file]
    assert names == ["DejaVuSans", "NotoSansCJK-Regular", "Zebra", "DejaVuSans-Bold", "Zebra-Bold"]


def test_a_label_shows_the_glyphs_of_the_font_found(own_fonts: Path) -> None:
    make_font(own_fonts / "Hangul.ttf", "H", "개")
    picture = draw.boxes(
        np.zeros((80, 120, 3), np.uint8), [10, 40, 90, 70], color="white", labels="개"
    )
    label = picture[:40, 10:]
    rows, columns = np.nonzero((label == 255).all(-1))
    patch = label[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    black = (patch == 0).all(-1)  # the square glyph in black on the white patch
    ys, xs = np.nonzero(black)
    assert black[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1].all()
    assert np.ptp(ys) >= 6 and np.ptp(xs) >= 6


def test_titles_use_the_font_found_and_are_no_formulas(own_fonts: Path) -> None:
    make_font(own_fonts / "TitleHangul.ttf", "TitleHangul", "개")
    title = '개 "x" <b> $\\frac$ \u4e2d'
    figure = draw.figure(np.zeros((8, 9), np.uint8), np.zeros((8, 9)), title=title)
    assert figure._suptitle is not None
    assert figure._suptitle.get_text() == '개 "x" <b> $\\frac$ \\u4e2d'
    assert "TitleHangul" in figure._suptitle.get_fontfamily()
    assert not figure._suptitle.get_parse_math()
    figure.draw_without_rendering()  # a glyph that were missing would warn here, and warnings are errors


def test_lines_of_a_title_stay_lines(own_fonts: Path) -> None:
    canvas = panels.new_canvas(2, 2, "one\ntwo")
    assert canvas._suptitle is not None
    assert canvas._suptitle.get_text() == "one\ntwo"
