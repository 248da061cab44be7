"""What strangers may send, as hypothesis's strategies, and what became of it."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

# With control characters, line separators, and halves of surrogates, which JSON can carry.
TEXTS = st.text(max_size=100) | st.text(st.characters(categories=["Cc", "Cs", "Zl"]), max_size=5)

# As Python's JSON reads it: with NaN, infinities and integers of any length.
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(TEXTS, values, max_size=4),
    max_leaves=8,
)

# One to 1,024 bytes of any Unicode but halves of surrogates, which UTF-8 does not have.
KEYS = st.text(min_size=1, max_size=1024).filter(lambda key: len(key.encode()) <= 1024)

# "Opaque, URL-ready, at most 1,024 bytes", S3 says of them.
VERSION_IDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=1024)


def outcome(call: Callable[..., Any], *arguments: object, failures: Any) -> Any:
    """What the call returns, or the one of `failures` that it raises, whose text is one line."""
    try:
        return call(*arguments)
    except failures as error:
        failure = error
    assert str(failure).isprintable()
    return failure
