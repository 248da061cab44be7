"""Whatever reaches filter, a driver is only assigned on a confidence that is enough."""

from dataclasses import asdict, replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.errors import (
    THRESHOLD_CONFIDENCE_NOT_MET,
    BadScores,
    InvalidInput,
    InvalidSettings,
)
from lambdas.filter.handler import SETTINGS, decide_on
from tests.unit.lambdas.hostile import JSON, outcome

IMAGE = {"s3_bucket": "uploads", "s3_key": "incoming/a.png", "version_id": "v1"}
FAILURES = (BadScores, InvalidInput, InvalidSettings, THRESHOLD_CONFIDENCE_NOT_MET)

_labels = st.sampled_from(["bicycle", "motorcycle", "tricycle"])
_scores = st.dictionaries(_labels, st.floats(0, 1) | JSON, max_size=3)
_pairs = st.floats(0, 1).map(lambda score: {"bicycle": score, "motorcycle": 1 - score})
_messages = st.fixed_dictionaries(
    {}, optional={"image": st.just(IMAGE) | JSON, "scores": _scores | _pairs, "variant": st.text()}
)


@given(_messages | JSON, st.floats(0, 1), st.booleans())
def test_any_message_is_decided_by_the_threshold_or_refused_in_one_line(
    message: Any, threshold: float, fails: bool
) -> None:
    settings = replace(SETTINGS, threshold=threshold, low_confidence_fails=fails)
    decided = outcome(decide_on, message, settings, failures=FAILURES)
    if isinstance(decided, FAILURES):
        return
    accepted = decided["confidence"] >= threshold
    assert decided["confidence"] == max(message["scores"].values())
    assert decided["decision"] == ("accepted" if accepted else "review")
    assert ("assignment" in decided) == accepted


@given(_pairs, st.floats(0, 1))
def test_low_confidence_fails_exactly_where_it_would_go_to_review(
    scores: dict[str, float], threshold: float
) -> None:
    message = {"image": IMAGE, "scores": scores, "variant": "v"}
    reviewing = replace(SETTINGS, threshold=threshold, low_confidence_fails=False)
    failing = replace(reviewing, low_confidence_fails=True)
    decided = decide_on(message, reviewing)
    found = outcome(decide_on, message, failing, failures=THRESHOLD_CONFIDENCE_NOT_MET)
    if decided["decision"] == "review":
        assert isinstance(found, THRESHOLD_CONFIDENCE_NOT_MET)
    else:
        assert found == decided
        assert decided["assignment"] == asdict(SETTINGS.assignments[decided["label"]])
