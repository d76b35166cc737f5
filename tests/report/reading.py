"""A page as a tree, read by Python's own parser, and its pictures as arrays."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

_VOID = {"meta", "link", "br", "img", "hr", "input"}
Box = tuple[float, float, float, float]


class Node:
    """An element: its name, attributes, children (elements and texts)."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children: list[Node | str] = []

    def __iter__(self) -> Iterator[Node]:
        """This element and all below it, in the order of the document."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child

    def all(self, tag: str, kind: str | None = None) -> list[Node]:
        """The elements below of a tag, and of a class where that is given."""
        return [
            node
            for node in self
            if node.tag == tag
            and (kind is None or kind in node.attributes.get("class", "").split())
        ]

    @property
    def text(self) -> str:
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join("".join(parts).split())

    def boxes(self, whose: str) -> list[Box]:
        """The outlines of a kind as x0, y0, x1, y1, each drawn twice (halo and line)."""
        found = []
        for group in self.all("g", whose):
            rects = group.all("rect")
            assert [rect.attributes["class"] for rect in rects] == ["halo", "line"]
            x, y, width, height = (
                float(rects[1].attributes[k]) for k in ("x", "y", "width", "height")
            )
            found.append((x, y, x + width, y + height))
        return found


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("#document", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            child = self.open[-1].children[-1]
            assert isinstance(child, Node)
            self.open.append(child)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names)
        self.open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(path: Path) -> Node:
    """The tree of a page; every element must be closed, in order."""
    builder = _Builder()
    builder.feed(path.read_text(encoding="utf-8"))
    builder.close()
    assert builder.open == [builder.root]
    return builder.root


def picture(node: Node) -> np.ndarray:
    """The pixels of an <image> whose address is a data URI: uint8 (H, W, 3)."""
    head, _, data = node.attributes["href"].partition(",")
    assert head == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        return np.asarray(image.convert("RGB"))
