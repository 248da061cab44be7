"""A model's answer is used only when it is one probability for each label."""

import pytest

from lambdas.common.errors import BadScores
from lambdas.common.scores import check, parse

LABELS = ("bicycle", "motorcycle")


def test_scores_are_named_in_label_order() -> None:
    assert parse(b"[0.97, 0.03]", LABELS) == {"bicycle": 0.97, "motorcycle": 0.03}
    assert list(parse(b"[0, 1]", LABELS)) == ["bicycle", "motorcycle"]


BAD_ANSWERS = {
    "NaN": b"[NaN, 0.5]",
    "Infinity": b"[Infinity, 0]",
    "minus Infinity": b"[-Infinity, 1]",
    "a number too large for a float": b"[1e999, 0]",
    "an integer too large for a float": b"[" + b"9" * 400 + b", 0]",
    "an integer too long to parse": b"[" + b"9" * 5000 + b", 0]",
    "negative": b"[-0.1, 1.1]",
    "too few": b"[1.0]",
    "too many": b"[0.5, 0.25, 0.25]",
    "none": b"[]",
    "empty": b"",
    "not JSON": b"bicycle",
    "Python": b"__import__('os').getcwd()",
    "not UTF-8": b"[\xff]",
    "an object": b'{"bicycle": 1.0, "motorcycle": 0.0}',
    "a number": b"1.0",
    "null": b"null",
    "nested": b"[[0.5, 0.5]]",
    "deeply nested": b"[" * 60_000,
    "texts": b'["0.5", "0.5"]',
    "booleans": b"[true, false]",
    "sum too high": b"[0.6, 0.42]",
    "sum too low": b"[0.5, 0.48]",
    "logits": b"[3.2, -1.0]",
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
def test_a_bad_answer_is_never_used(answer: bytes) -> None:
    with pytest.raises(BadScores) as caught:
        parse(answer, LABELS)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("values", [[0.5, 0.4901], [0.5, 0.5099], [1, 0], [0.0, 1.0]])
def test_scores_that_sum_to_1_within_the_tolerance_are_used(values: list[float]) -> None:
    assert list(check(values, LABELS).values()) == values


def test_any_number_of_labels_can_be_scored() -> None:
    labels = [f"label-{number}" for number in range(100)]
    assert len(check([0.01] * 100, labels)) == 100
