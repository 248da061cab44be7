"""Settings are refused by the name of the variable that is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from lambdas.common import environment
from lambdas.common.errors import InvalidSettings


def test_values_are_read() -> None:
    variables = {"T": " x ", "W": "incoming/, adhoc/", "N": "128", "F": "0.8", "J": '{"a": 1}'}
    assert environment.text(variables, "T") == "x"
    assert environment.words(variables, "W") == ("incoming/", "adhoc/")
    assert environment.whole_number(variables, "N", 1, 128) == 128
    assert environment.fraction(variables, "F") == 0.8
    assert environment.json_object(variables, "J") == {"a": 1}
    assert environment.choice({"C": "fail"}, "C", ("review", "fail")) == "fail"


READERS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "text": (environment.text, ()),
    "words": (environment.words, ()),
    "choice": (environment.choice, (("review", "fail"),)),
    "whole number": (environment.whole_number, (1, 128)),
    "fraction": (environment.fraction, ()),
    "JSON object": (environment.json_object, ()),
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("variables", [{}, {"NAME": ""}, {"NAME": "  "}])
def test_a_variable_that_is_not_set_is_named(kind: str, variables: dict[str, str]) -> None:
    read, arguments = READERS[kind]
    with pytest.raises(InvalidSettings, match=r"^NAME is not set$"):
        read(variables, "NAME", *arguments)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("words", "a,,b"),
        ("words", "a,a"),
        ("choice", "ignore"),
        ("whole number", "0"),
        ("whole number", "129"),
        ("whole number", "1.5"),
        ("whole number", "-1"),
        ("whole number", "9" * 5000),
        ("fraction", "1.1"),
        ("fraction", "-0.1"),
        ("fraction", "nan"),
        ("fraction", "high"),
        ("JSON object", "{"),
        ("JSON object", "[]"),
    ],
)
def test_a_variable_with_a_wrong_value_is_named(kind: str, value: str) -> None:
    read, arguments = READERS[kind]
    with pytest.raises(InvalidSettings, match=r"^NAME "):
        read({"NAME": value}, "NAME", *arguments)
