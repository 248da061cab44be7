"""A baseline is kept as JSON, and checked when it is read."""

import json
from typing import Any

import numpy as np
import pytest

from lambdas.common.drift.baseline import Baseline, InvalidBaseline
from lambdas.common.drift.picture_statistics import COLUMNS


@pytest.fixture
def document(baseline: Baseline) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(baseline.to_json()))
    return found


def test_a_baseline_comes_back_from_json_as_it_was(
    baseline: Baseline, document: dict[str, Any]
) -> None:
    found = Baseline.from_json(document)
    assert found.to_json() == baseline.to_json()
    assert found.labels == ("bicycle", "motorcycle")
    assert np.array_equal(found.scores, baseline.scores)


def test_scores_and_statistics_are_rounded_to_4_decimals(baseline: Baseline) -> None:
    for table in (baseline.scores, baseline.pictures):
        assert np.array_equal(table, table.round(4))


def test_1000_samples_of_ten_classes_stay_below_200_kb(random: np.random.Generator) -> None:
    scores = random.dirichlet(np.ones(10), 1000)
    labels = tuple(f"label-{number}" for number in range(10))
    large = Baseline(1, "scones-1", labels, 0.7, "", scores, random.random((1000, len(COLUMNS))))
    assert len(json.dumps(large.to_json())) < 200_000


def test_a_baseline_without_a_version_is_one(document: dict[str, Any]) -> None:
    assert Baseline.from_json({**document, "version": None}).version is None


WRONG = {
    "no object": (None, "JSON object"),
    "fields missing": ({"scores": ...}, "JSON object"),
    "version a text": ({"version": "3"}, "version"),
    "version a truth value": ({"version": True}, "version"),
    "name a number": ({"model_name": 3}, "model_name"),
    "time missing": ({"created_at": None}, "created_at"),
    "labels a text": ({"labels": "bicycle"}, "labels"),
    "one label": ({"labels": ["bicycle"], "scores": [[1.0]] * 20}, "two labels"),
    "threshold a text": ({"threshold": "0.7"}, "threshold"),
    "threshold above 1": ({"threshold": 1.5}, "threshold"),
    "scores of another number of labels": ({"scores": [[1.0, 0, 0]] * 20}, "2 columns"),
    "scores of different lengths": ({"scores": [[1.0, 0], [1.0]]}, "rows of numbers"),
    "scores texts": ({"scores": [["a", "b"]] * 20}, "rows of numbers"),
    "scores not finite": ({"scores": [[float("nan"), 1]] * 20}, "finite"),
    "scores no probabilities": ({"scores": [[0.9, 0.9]] * 20}, "sum to 1"),
    "scores negative": ({"scores": [[1.2, -0.2]] * 20}, "sum to 1"),
    "too few scores": ({"scores": [[0.5, 0.5]] * 19}, "at least 20"),
    "no pictures": ({"pictures": []}, "12 columns"),
    "too few pictures": ({"pictures": [[0.1] * len(COLUMNS)] * 19}, "at least 20"),
    "pictures with four statistics": ({"pictures": [[0.1] * 4] * 20}, "12 columns"),
    "negative pictures": ({"pictures": [[-0.1] * len(COLUMNS)] * 20}, "negative"),
}


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_baseline_is_refused_with_what_is_wrong(
    document: dict[str, Any], change: dict[str, Any] | None, message: str
) -> None:
    wrong = None if change is None else {**document, **change}
    if change == {"scores": ...}:
        del document["scores"]
        wrong = document
    with pytest.raises(InvalidBaseline, match=message) as caught:
        Baseline.from_json(wrong)
    assert "\n" not in str(caught.value)
