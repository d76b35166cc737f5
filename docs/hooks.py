"""What MkDocs is told beyond mkdocs.yml: generated pages, and files outside of this folder.

Pages link to files of the repository as they do on its own pages (`../examples/…`); such a file is
put into the site, and the link is turned to it.
"""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parent))
import commands
import declared
import reference

ROOT = Path(__file__).parents[1]
README = "README.md"  # whose place in the site has the first page
_LINK = re.compile(r"(?<=\]\()([^)#\s:]+)(?=[)#])")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The reference's pages, in the navigation too."""
    pages = [{Path(path).stem: path} for path in reference.pages()]
    config.nav = [*(config.nav or []), {"Reference": pages}]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The generated pages, and what pages link to outside of the folder of pages."""
    made = {"metrics.md": declared.metrics(), "commands.md": commands.page()}
    for path, text in {**made, **reference.pages()}.items():
        files.append(File.generated(config, path, content=text))
    for file in files.documentation_pages():
        for path in outside(file.src_path, file.content_string):
            if files.get_file_from_path(path) is None:
                files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links to files outside of this folder turned to where they are, and what is declared."""
    here = posixpath.dirname(page.file.src_path)

    def turn(match: re.Match[str]) -> str:
        path = outside_path(page.file.src_path, match[1])
        path = "index.md" if path == README else path
        return posixpath.relpath(path, here or ".") if path else match[1]

    text = _LINK.sub(turn, markdown)
    return text.replace(declared.MARK, declared.methods()) if declared.MARK in text else text


def outside(page: str, markdown: str) -> set[str]:
    """The files of the repository, but not of this folder, that a page links to."""
    paths = (outside_path(page, target) for target in _LINK.findall(markdown))
    return {path for path in paths if path and path != README}


def outside_path(page: str, target: str) -> str | None:
    """The path in the repository of a link's target; None: it lies in the site anyway."""
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    return None if path.startswith(("docs/", "../")) else path
