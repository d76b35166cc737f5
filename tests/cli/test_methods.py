"""`limelight methods`: what is declared, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli.conftest import Call
from limelight.cli.options import parse_methods
from limelight.errors import MethodError
from limelight.methods import list_methods


def test_json_is_what_is_declared(call: Callable[..., Call]) -> None:
    result = call("methods", "--json")
    assert result.code == 0
    declared = {method.name: method for method in list_methods()}
    assert [row["name"] for row in result.json] == list(declared)
    for row in result.json:
        method = declared[row["name"]]
        assert (row["title"], row["paper"], row["cost"]) == (
            method.title, method.paper, method.cost,
        )  # fmt: skip
        assert set(row["needs"]) == method.needs
        assert row["frameworks"] == list(method.frameworks)
        assert row["differentiable"] == method.differentiable
        assert row["options"] == dict(method.options)
        assert row["description"] == method.description


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_the_table_names_each_once_and_cuts_nothing_off(
    columns: str, call: Callable[..., Call], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    result = call("methods")
    assert result.code == 0
    firsts = [line.split()[0] for line in result.out.splitlines() if line[:1].strip()]
    assert firsts == ["method", *(method.name for method in list_methods())]
    assert "…" not in result.out
    words = result.out.split()
    for method in list_methods():
        options = ", ".join(f"{name}={value}" for name, value in method.options.items())
        for text in (method.title, method.paper, method.cost, options):
            assert {word.rstrip(",;") for word in text.split()} <= {w.rstrip(",;") for w in words}


def test_options_belong_to_the_method_that_they_are_written_behind() -> None:
    names, options = parse_methods(["dff:k=2,fem:k=3.5", "gradcam"])
    assert names == ["dff", "fem", "gradcam"]
    assert options == {"dff": {"k": 2}, "fem": {"k": 3.5}}
    for text, words in (
        ("dff:k=2.5", "dff takes a whole number of 1 or more as k, but 2.5 was given"),
        ("dff:k=two", "but 'two' was given"),
        ("random:seed=NaN", "random takes a whole number of 0 or more as seed"),
    ):
        with pytest.raises(MethodError, match=words):
            parse_methods([text])
