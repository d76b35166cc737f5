"""The few lines of YAML that a YOLO data set's data.yaml consists of."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from limelight.errors import DatasetError

_SPLITS = ("train", "val", "test")
_ENTRY = re.compile(r"^(?P<indent>\s*)(?:(?P<key>[^:#\[\]{}]+?)\s*:(?:\s+|$)|-\s+)(?P<value>.*)$")


@dataclass
class DataYaml:
    """What a data.yaml says: each split's folder of images, and the classes' names."""

    folders: dict[str, Path] = field(default_factory=dict)
    names: list[str] | None = None


def read_data_yaml(path: Path) -> DataYaml:
    """Read ``path``, ``train``, ``val``, ``test`` and ``names`` (a list or a dictionary).

    Raises:
        DatasetError: the file cannot be read, a split is not one folder, or names are missing
            numbers.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    values: dict[str, str] = {}
    nested: dict[str, list[tuple[str | None, str]]] = {}
    key = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        if not line or line == "---":
            continue
        match = _ENTRY.match(line)
        if match is None:
            if key and line[0] in " \t]}":  # an inline list that goes on
                values[key] += " " + line.strip()
                continue
            raise DatasetError(f"{path}, line {number}: expected 'key: value'; got {line!r}")
        name, value = match["key"], match["value"].strip()
        if name is not None and not match["indent"]:
            key = name.strip("'\"")
            values[key] = value
        else:
            nested.setdefault(key, []).append((name, _plain(value)))
    return DataYaml(_folders(path, values, nested), _class_names(path, values, nested))


def _plain(value: str) -> str:
    value = value.strip()
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _items(value: str) -> list[str]:
    """The parts of ``[a, 'b, c']`` or ``{0: a}``."""
    inner = value.strip()[1:-1]
    parts = re.findall(r"""(?:[^,'"]|'[^']*'|"[^"]*")+""", inner)
    return [part.strip() for part in parts if part.strip()]


def _folders(
    path: Path, values: dict[str, str], nested: dict[str, list[tuple[str | None, str]]]
) -> dict[str, Path]:
    base = path.parent / _plain(values.get("path", ""))
    found: dict[str, Path] = {}
    for split in _SPLITS:
        value = _plain(values.get(split, ""))
        if split in nested or value.startswith("["):
            raise DatasetError(f"{path}: {split} names several folders; give one data.yaml each")
        if not value or value in ("null", "~"):
            continue
        # Exporters write ../train/images for what lies beside the file.
        places = [base / value, path.parent / value, path.parent / value.removeprefix("../")]
        found[split] = next((p for p in places if p.is_dir()), places[0])
    return found


def _class_names(
    path: Path, values: dict[str, str], nested: dict[str, list[tuple[str | None, str]]]
) -> list[str] | None:
    value = values.get("names", "")
    if value.startswith("["):
        return [_plain(part) for part in _items(value)]
    pairs = nested.get("names", [])
    if value.startswith("{"):
        split = [part.partition(":") for part in _items(value)]
        pairs = [(key.strip(), _plain(name)) for key, _, name in split]
    if not pairs:
        return None
    if pairs[0][0] is None:
        return [name for _, name in pairs]
    numbered = {key.strip("'\" "): name for key, name in pairs if key is not None}
    missing = [i for i in range(len(numbered)) if str(i) not in numbered]
    if missing:
        raise DatasetError(f"{path}: names has no class {missing[0]}; expected 0, 1, 2 …")
    return [numbered[str(i)] for i in range(len(numbered))]
