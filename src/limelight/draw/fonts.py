"""Finding a font that has the glyphs of a text, whatever its script.

Class names come in Hangul, Chinese, Hebrew; the fonts that Pillow and matplotlib bring have none of
them. The fonts of the system are looked through, and a character that none of them has is written
as its code point, so that a picture never shows a row of empty boxes.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

# Tried in this order where they are installed, the rest afterwards: plain sans-serif text faces,
# then the large fonts of East Asia.
_PREFERRED = (
    "dejavusans",
    "notosans-regular",
    "liberationsans-regular",
    "arial",
    "helvetica",
    "segoeui",
    "notosanscjk",
    "nanumgothic",
    "applesdgothicneo",
    "malgun",
    "pingfang",
    "msyh",
    "wqy",
    "droidsansfallback",
    "arialuni",
)
_TEST_SIZE = 16
_NOT_A_CHARACTER = "\U0010ffff"  # every font draws it as "no such glyph"

# A run of text and the font file that has its glyphs; None is the font that Pillow brings.
Run = tuple[str, Path | None]
Drawn = tuple[tuple[int, int], bytes]  # the size and the bytes of a glyph


def runs(text: str, first: Path | None = None) -> list[Run]:
    """Split a text into runs, each with a font that has all its glyphs.

    The whole text is one run where one font has everything. A character that no font has is
    replaced by its escape ("\\uce58").

    Args:
        text: any text; line breaks and tabs become spaces.
        first: a font file to prefer.
    """
    text = " ".join(text.split())
    fonts = (*([first] if first else []), *font_files(), None)
    each = [_font_of(character, fonts) for character in text]
    for font in sorted({font for _, font in each}, key=fonts.index):
        if all(_has_glyph(font, character) for character in text):
            return [(text, font)]
    found: list[Run] = []
    for shown, font in each:
        if found and found[-1][1] == font:
            found[-1] = (found[-1][0] + shown, font)
        else:
            found.append((shown, font))
    return [run for run in found if run[0]]


@lru_cache(maxsize=4096)
def _font_of(character: str, fonts: tuple[Path | None, ...]) -> Run:
    """The first font that has a character, or what to write instead of it in the first font."""
    for font in fonts:
        if _has_glyph(font, character):
            return character, font
    return _escaped(character), fonts[0]


def font_files() -> tuple[Path | None, ...]:
    """The font files of this system, those for plain text first."""
    return _font_files(tuple(_folders()))


def load(font: Path | None, size: int) -> FreeTypeFont:
    """A font of `runs` at a size in pixels."""
    from PIL import ImageFont

    if font is None:
        default = ImageFont.load_default(size)
        assert isinstance(default, ImageFont.FreeTypeFont)
        return default
    return ImageFont.truetype(font, size)


def width(text: str, size: float, first: Path | None = None) -> float:
    """How wide a line of a figure is at a size, in its unit, escapes included.

    matplotlib takes the fonts of `runs` as one list, and for each character the first that has it.
    """
    found = runs(text, first)
    fonts = list(dict.fromkeys(font for _, font in found))
    total = 0.0
    for character in "".join(run for run, _ in found):
        face = next((_face(font)[0] for font in fonts if _has_glyph(font, character)), None)
        total += size if face is None else face.getlength(character) * size / _TEST_SIZE
    return total


def _folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "win32":
        return [
            Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts",
            Path(os.environ.get("LOCALAPPDATA", home)) / "Microsoft" / "Windows" / "Fonts",
        ]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"]
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    own = os.environ.get("XDG_DATA_HOME") or str(home / ".local" / "share")
    return [Path(part) / "fonts" for part in (own, *shared.split(":"))] + [home / ".fonts"]


@lru_cache(maxsize=4)
def _font_files(folders: tuple[Path, ...]) -> tuple[Path | None, ...]:
    files = {
        file
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix.lower() in (".ttf", ".otf", ".ttc") and "lastresort" not in file.stem.lower()
    }
    return tuple(sorted(files, key=_rank))


def _rank(file: Path) -> tuple[int, bool, str]:
    name = file.stem.lower().replace(" ", "")
    hits = [
        place
        for place, preferred in enumerate(_PREFERRED)
        if name == preferred or (place > 5 and name.startswith(preferred))
    ]
    plain = not any(word in name for word in ("bold", "italic", "oblique", "light", "mono"))
    return (hits[0] if hits else len(_PREFERRED), not plain, str(file))


def _has_glyph(font: Path | None, character: str) -> bool:
    if character.isspace():
        return True
    face, blank = _face(font)
    return face is not None and _drawn(face, character) != blank


@lru_cache(maxsize=64)
def _face(font: Path | None) -> tuple[FreeTypeFont | None, Drawn | None]:
    """A font at a size to test it with, and how it draws what it lacks; None where it cannot."""
    try:
        face = load(font, _TEST_SIZE)
        return face, _drawn(face, _NOT_A_CHARACTER)
    except OSError:  # not a font, or one of bitmaps in other sizes
        return None, None


def _drawn(face: FreeTypeFont, character: str) -> Drawn:
    mask = face.getmask(character)
    return mask.size, bytes(mask)


def _escaped(character: str) -> str:
    """What to write for a character that no font has: nothing where it would not be seen anyway."""
    if unicodedata.category(character) == "Cf" or 0xFE00 <= ord(character) <= 0xFE0F:
        return ""
    return character.encode("unicode_escape").decode("ascii")
