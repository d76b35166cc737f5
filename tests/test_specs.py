"""Names with options: what is read back is what was written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limelight.errors import MethodError
from limelight.specs import parse_spec

words = st.text("abcdefgh-+", min_size=1)


@settings(deadline=None, max_examples=60)
@given(
    name=words,
    options=st.dictionaries(words, st.integers() | st.floats(-1e9, 1e9) | st.booleans() | words),
)
def test_what_was_written_is_read(name: str, options: dict[str, Any]) -> None:
    said = [f"{k}={v if isinstance(v, str) else json.dumps(v)}" for k, v in options.items()]
    assert parse_spec(":".join([name, *said])) == (name, options)


def test_an_option_without_a_value_gets_a_sentence() -> None:
    with pytest.raises(MethodError, match="'a:b': an option of a refiner is written name=value"):
        parse_spec("a:b", "refiner")
