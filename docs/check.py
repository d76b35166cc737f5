"""Checks a built site: what a page loads, and where its links lead, is in the site itself.

python docs/check.py site
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

#: What a browser fetches by itself when it shows a page; the target of an <a> it does not.
LOADED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """The addresses that a page loads, those that it links to, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element refers to."""
        values = {name: value for name, value in attrs if value is not None}
        if "id" in values:
            self.anchors.add(values["id"])
        if address := values.get(LOADED.get(tag, "")):
            self.loaded.append(address)
        elif tag == "a" and "href" in values:
            self.linked.append(values["href"])


def problems(site: Path) -> list[str]:
    """A sentence for each address that leads nowhere, or out of the site where it is loaded."""
    pages = {path: Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    found = []
    for path, page in pages.items():
        if path.name == "404.html":  # its addresses are those of a server's root
            continue
        name = path.relative_to(site)
        for address in page.loaded:
            if urlsplit(address).netloc:
                found.append(f"{name} loads {address} from elsewhere")
        for address in (*page.loaded, *page.linked):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                found.append(f"{name} refers to {address}, which is not there")
            elif parts.fragment and target.suffix == ".html":
                known = pages[target].anchors if target in pages else set()
                if unquote(parts.fragment) not in known:
                    found.append(f"{name} refers to {address}, but the page has no such place")
    for style in site.rglob("*.css"):
        text = style.read_text("utf-8")
        if "@import" in text or "url(http" in text or "url(//" in text:
            found.append(f"{style.relative_to(site)} loads something from elsewhere")
    return found


if __name__ == "__main__":
    lines = problems(Path(sys.argv[1]).resolve())
    print(*(lines or ["nothing is loaded from elsewhere; every link leads somewhere"]), sep="\n")
    sys.exit(1 if lines else 0)
