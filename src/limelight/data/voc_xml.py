"""The annotation files of Pascal VOC, with the line of each object."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from limelight.data.files import numbers

_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass
class Object:
    """One object: its class, its corners as they are written, and the line it begins on."""

    name: str
    corners: tuple[float, float, float, float]
    difficult: bool
    line: int


@dataclass
class Annotation:
    """One image's file.

    Attributes:
        filename: what the file says the image is called; "" where it says nothing.
        size: (height, width); None where it is missing or zero.
        objects: those that can be read.
        broken: the line and the message of those that cannot.
    """

    filename: str = ""
    size: tuple[int, int] | None = None
    objects: list[Object] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)


class _EntityError(Exception):
    """An entity is declared: it could stand for gigabytes, or for another file."""


class _Handler:
    """Collects the text of the elements that matter; parts of objects have boxes of their own,
    which are left out."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self.parser = parser
        self.result = Annotation()
        self._path: list[str] = []
        self._text: list[str] = []
        self._values: dict[str, str] = {}
        self._size: dict[str, str] = {}
        self._line = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name)
        self._text.clear()
        if self._path[1:] == ["object"]:
            self._values = {}
            self._line = self.parser.CurrentLineNumber

    def text(self, text: str) -> None:
        self._text.append(text)

    def end(self, name: str) -> None:
        value = "".join(self._text).strip()
        match self._path[1:]:
            case ["filename"]:
                self.result.filename = value
            case ["size", side]:
                self._size[side] = value
            case ["size"]:
                size = numbers(self._size.get(side, "") for side in ("height", "width"))
                if size is not None and min(size) >= 1:
                    self.result.size = (int(size[0]), int(size[1]))
            case ["object", "name" | "difficult" as key] | ["object", "bndbox", key]:
                self._values[key] = value
            case ["object"]:
                self._finish()
        self._path.pop()
        self._text.clear()

    def entity(self, *declaration: object) -> None:
        raise _EntityError

    def _finish(self) -> None:
        corners = numbers(self._values.get(key, "") for key in _CORNERS)
        name = self._values.get("name", "")
        if corners is None:
            written = " ".join(f"{key}={self._values.get(key, 'missing')}" for key in _CORNERS)
            self.result.broken.append((self._line, f"the box is not four numbers: {written}"))
        elif not name:
            self.result.broken.append((self._line, "the object has no name"))
        else:
            x0, y0, x1, y1 = corners
            difficult = self._values.get("difficult", "0") == "1"
            self.result.objects.append(Object(name, (x0, y0, x1, y1), difficult, self._line))


def read_annotation(path: Path) -> Annotation:
    """Read one file; an error of the XML itself is one entry of `broken`."""
    parser = expat.ParserCreate()
    handler = _Handler(parser)
    parser.StartElementHandler = handler.start
    parser.EndElementHandler = handler.end
    parser.CharacterDataHandler = handler.text
    parser.EntityDeclHandler = handler.entity
    try:
        parser.Parse(path.read_bytes(), True)
    except _EntityError:
        message = "the file declares entities of its own, which are not expanded"
        return Annotation(broken=[(parser.CurrentLineNumber, message)])
    except expat.ExpatError as error:
        message = f"not XML: {expat.ErrorString(error.code)}"
        return Annotation(broken=[(error.lineno, message)])
    except OSError as error:
        return Annotation(broken=[(0, f"cannot be read: {error}")])
    return handler.result
