"""From the classes of a data set to the classes of a model."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limelight.errors import DatasetError, TargetError, did_you_mean

if TYPE_CHECKING:
    from limelight.data import Dataset
    from limelight.models import Classifier

    ClassMap = Mapping[Any, Any] | str | Path

_SHOWN = 3


@dataclass(frozen=True)
class Labels:
    """How labels of a data set become classes of a model.

    Attributes:
        index: by label of the data set, the model's class; None: they are the same.
        origin: how that is known, in words.
    """

    index: Mapping[int, int] | None
    origin: str

    def __call__(self, label: int | None) -> int | None:
        """The model's class; None where the label is not known, or no class stands for it."""
        if label is None or self.index is None:
            return label
        return self.index.get(label)


def match_labels(
    dataset: Dataset,
    classifier: Classifier | None,
    class_map: ClassMap | None = None,
    needed: bool = True,
) -> Labels:
    """Which class of the model each label of the data set is.

    Args:
        dataset: whose labels are meant.
        classifier: whose classes are meant; None: there is no model, labels stay what they are.
        class_map: by label or class name of the data set, the model's class index or name; or the
            path of a file with that, as `read_class_map` reads it. None: where both know the names
            of their classes, the names decide.
        needed: whether names that do not agree are an error; otherwise no class is known then.

    Raises:
        DatasetError: the map's file cannot be read, it names a class that the data set does not
            have, or names are known and do not agree.
        TargetError: the map names a class that the model does not have.
    """
    if class_map is not None:
        mapping = class_map if isinstance(class_map, Mapping) else read_class_map(class_map)
        index = {
            _label(key, dataset.class_names): _class(value, classifier)
            for key, value in mapping.items()
        }
        return Labels(index, "the class map")
    names, known = dataset.class_names, None if classifier is None else classifier.class_names
    if names is None or known is None:
        return Labels(None, "labels are taken as the model's class indices")
    try:
        return _by_names(names, known)
    except DatasetError:
        if needed:
            raise
        return Labels({}, "the data set's classes are not the model's")


def _by_names(names: Sequence[str], known: Sequence[str]) -> Labels:
    places: dict[str, list[int]] = {}
    for i, name in enumerate(known):
        for each in _spellings(name):
            places.setdefault(each, []).append(i)
    hits = {
        label: sorted({i for each in _spellings(name) for i in places.get(each, [])})
        for label, name in enumerate(names)
    }
    found = {label: at for label, at in hits.items() if at}
    own = sum(label in at for label, at in found.items())
    named = sum(name != str(label) for label, name in enumerate(names))
    # Most and not all: one name of a class can be that of another, as "cardigan" in ImageNet, and
    # a manifest knows the names of those classes only that it has images of.
    if 2 * own > max(len(found), named):
        return Labels(None, "the data set's classes are the model's, by name and number")
    if len(found) == len(names) and all(len(at) == 1 for at in found.values()):
        return Labels({label: at[0] for label, at in found.items()}, "classes of the same name")
    if not found and len(names) == len(known):
        return Labels(None, "as many classes as the model has: labels are its class indices")
    missing = [name for label, name in enumerate(names) if label not in found]
    shown = ", ".join(map(repr, missing[:_SHOWN])) + (" …" if len(missing) > _SHOWN else "")
    reason = (
        f"{len(missing)} of its {len(names)} classes are none of the model's ({shown}"
        f"{did_you_mean(missing[0], known)})"
        if missing
        else "names of its classes stand for several of the model's"
    )
    raise DatasetError(
        f"the labels of the data set cannot be matched to the model's classes: {reason}; say which "
        "is which by a class map, such as a CSV file with lines like kangaroo,wallaby, or explain "
        "the model's own answer: target='predicted' (--target predicted)"
    )


def _spellings(name: str) -> set[str]:
    """A class name, and the single names in ImageNet's "chow, chow chow", in one spelling."""
    plain = name.casefold().replace("_", " ")
    return {part.strip() for part in (plain, *plain.split(",")) if part.strip()}


def read_class_map(path: str | Path) -> dict[str, str]:
    """A class map from a file.

    Args:
        path: JSON, an object from the data set's label or class name to the model's class index or
            name; otherwise CSV, two columns, the same, where a first line that names them
            ("dataset,model") is skipped if it is no class.

    Raises:
        DatasetError: the file cannot be read, or is not that.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"the class map {path} cannot be read: {error}") from error
    if path.suffix.lower() == ".json":
        try:
            content = json.loads(text)
        except json.JSONDecodeError as error:
            raise DatasetError(f"{path}, line {error.lineno}: not JSON: {error.msg}") from error
        plain = isinstance(content, dict) and all(
            isinstance(value, str | int) for value in content.values()
        )
        if not plain:
            raise DatasetError(
                f'{path}: a class map is an object such as {{"kangaroo": "wallaby"}}'
            )
        return {str(key): str(value) for key, value in content.items()}
    found: dict[str, str] = {}
    for number, record in enumerate(csv.reader(text.splitlines()), 1):
        if not record:
            continue
        if len(record) != 2:
            raise DatasetError(f"{path}, line {number}: expected two values, got {len(record)}")
        key, value = (part.strip() for part in record)
        if number == 1 and (key.casefold(), value.casefold()) in _HEADERS:
            continue
        found[key] = value
    if not found:
        raise DatasetError(f"the class map {path} is empty")
    return found


_HEADERS = {("dataset", "model"), ("data set", "model"), ("from", "to"), ("label", "class")}


def _label(key: Any, names: Sequence[str] | None) -> int:
    """The data set's label that a class map's key stands for."""
    text = str(key).strip()
    if names is not None:
        alike = [i for i, name in enumerate(names) if name.casefold() == text.casefold()]
        if alike:
            return alike[0]
    if text.isdecimal() and (names is None or int(text) < len(names)):
        return int(text)
    near = did_you_mean(text, names or ())
    raise DatasetError(f"the class map names {text!r}, which is no class of the data set{near}")


def _class(value: Any, classifier: Classifier | None) -> int:
    """The model's class that a class map's value stands for."""
    text = str(value).strip()
    names = None if classifier is None else classifier.class_names
    if text.isdecimal() and text not in (names or ()):
        if names is not None and int(text) >= len(names):
            raise TargetError(
                f"the class map names the class {text}, but the model has {len(names)} classes"
            )
        return int(text)
    if classifier is None:
        raise TargetError(f"the class map names the class {text!r}, and there is no model")
    return classifier.name_to_index(text)
