"""From what a user writes to a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from limelight.data.dataset import Dataset, Problems
from limelight.data.files import is_image
from limelight.data.registry import Reader, choose_splits, find_reader, list_readers
from limelight.errors import DatasetError, did_you_mean


def open(  # the name that everybody expects of a front door
    source: Any, split: str | None = None, strict: bool = True, **options: Any
) -> Dataset:
    """A data set: lazy, so that opening a million-line manifest decodes no image.

    Args:
        source: ``"reader:/path"`` ("cars196:/data/cars", "tfds:cars196"), "digits" for the
            embedded data set, a plain path that is recognized by its layout, arrays in memory
            ({"images": …, "labels": …, "boxes": …}), a Hugging Face data set, or a `Dataset`,
            which is returned as it is. Options may stand behind a question mark:
            ``"coco:/path?per=class"``.
        split: one of the data set's splits; None reads all of them, one after the other.
        strict: whether the first broken entry of the annotations is an error; otherwise broken
            entries are left out and listed in the data set's `problems`.
        options: the reader's own.

    Raises:
        DatasetError: no such reader, path, split or option, a layout that is not recognized, or
            (strict) a broken entry, with its file and line.
    """
    if isinstance(source, Dataset):
        if split is not None and split != source.split:
            choose_splits(split, [source.split] if source.split else [], source.name)
        return source
    if not isinstance(source, str | Path):
        return _open_object(source, split, strict, options)
    recognized = None
    reader, path, written = _parse(source)
    if reader is None:
        assert path is not None
        reader = _recognize(path)
        recognized = f"{path} is read as {reader.name}: {reader.title}"
    elif reader.needs_path:
        _check(reader, path)
    options = {**written, **options}
    _check_options(reader, options)
    problems = Problems(strict)
    dataset = reader.function(path, split, problems, **options)
    dataset.problems = problems.found
    dataset.recognized = recognized
    return dataset


def _open_object(source: Any, split: str | None, strict: bool, options: dict[str, Any]) -> Dataset:
    for reader in list_readers():
        if reader.takes is not None and reader.takes(source):
            _check_options(reader, options)
            problems = Problems(strict)
            dataset = reader.function(source, split, problems, **options)
            dataset.problems = problems.found
            return dataset
    raise DatasetError(
        "a data set is opened from a path, 'reader:/path' (of TFDS the prepared folder: "
        "'tfds:/path'), a dictionary of arrays or a Hugging Face data set; got "
        f"{type(source).__module__}.{type(source).__qualname__}"
    )


def _parse(source: str | Path) -> tuple[Reader | None, Path | None, dict[str, Any]]:
    """The reader that `source` names (None: a plain path), its path, and its options."""
    if isinstance(source, Path):
        return None, source.expanduser(), {}
    text, _, query = source.partition("?")
    name, colon, rest = text.partition(":")
    if colon and len(name) > 1:  # one letter is a drive of Windows
        if not name.isidentifier() and Path(source).exists():
            return None, Path(source), {}
        reader = find_reader(name)
        return reader, Path(rest).expanduser() if rest else None, _values(query)
    readers = {reader.name: reader for reader in list_readers()}
    if text in readers and not (readers[text].needs_path and Path(text).exists()):
        return readers[text], None, _values(query)
    if not Path(text).expanduser().exists() and "/" not in text and "\\" not in text:
        names = did_you_mean(text, readers) or f"; readers are {', '.join(readers)}"
        raise DatasetError(
            f"there is no file, folder or reader of data sets called {text!r}{names}"
        )
    return None, Path(text).expanduser(), _values(query)


def _values(query: str) -> dict[str, Any]:
    """The options of ``a=1&b=true&c=text``."""
    words: dict[str, Any] = {"true": True, "false": False, "none": None}
    values: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        values[name] = words.get(text.lower(), int(text) if text.isdecimal() else text)
    return values


def _check(reader: Reader, path: Path | None) -> None:
    if path is None:
        raise DatasetError(
            f"{reader.name} needs a path ({reader.name}:/path); expected {reader.expects}"
        )
    if not path.exists():
        raise DatasetError(f"there is no {path}; {reader.name} expected {reader.expects}")


def _check_options(reader: Reader, options: dict[str, Any]) -> None:
    for name in options:
        if name not in reader.options:
            near = did_you_mean(name, reader.options) or ";"
            known = ", ".join(reader.options) or "none"
            raise DatasetError(
                f"the reader {reader.name} has no option {name!r}{near} its options are {known}"
            )


def _recognize(path: Path) -> Reader:
    """The reader whose layout the folder or file at `path` has."""
    if not path.exists():
        raise DatasetError(
            f"there is no file or folder {path}; give a path, 'reader:/path', or 'digits' for the "
            "embedded data set"
        )
    with_layout = [r for r in list_readers() if r.recognizes is not None and r.recognizes(path)]
    matches = [r for r in with_layout if r.general == min(m.general for m in with_layout)]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = " and ".join(f"{r.name}:{path}" for r in matches)
        raise DatasetError(f"{path} has the layout of more than one data set: write {names}")
    if path.is_file() and is_image(path.name):
        raise DatasetError(
            f"{path} is one image; give the folder that it lies in, images:{path.parent}, or "
            "explain it alone with `limelight explain`"
        )
    if path.is_dir() and next(path.iterdir(), None) is None:
        raise DatasetError(f"the folder {path} is empty; `limelight data` lists what is read")
    what = f"with {_first_names(path)} " if path.is_dir() else ""
    readers = ", ".join(r.name for r in list_readers() if r.recognizes)
    raise DatasetError(
        f"{path} {what}has the layout of no known data set ({readers}); `limelight data` says how "
        "the files of each must lie"
    )


def _first_names(folder: Path) -> str:
    """What a folder holds: the first three names, and how many more."""
    names = sorted(f"{each.name}/" if each.is_dir() else each.name for each in folder.iterdir())
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
