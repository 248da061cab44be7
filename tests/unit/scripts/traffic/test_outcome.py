"""What became of what drivers sent."""

from datetime import UTC, datetime

import pytest

from scripts.traffic import outcome
from scripts.traffic.outcome import Sent, Times

BEGAN_S = datetime(2026, 11, 26, 12, tzinfo=UTC).timestamp()


def sent(number: int, **changed) -> Sent:
    fields = {
        "key": f"incoming/{number}.jpg",
        "truth": "bicycle",
        "sent_s": BEGAN_S + number,
        "late_s": 0.0,
        "took_s": 0.1,
    }
    return Sent(**(fields | changed))


def decision(second: float, **changed):
    at = datetime.fromtimestamp(BEGAN_S + second, UTC).isoformat().replace("+00:00", "Z")
    fields = {"decision": "accepted", "label": "bicycle", "decided_at": at, "delivered_at": at}
    return fields | changed


def test_percentiles_are_of_milliseconds():
    times = Times.of([number / 1000 for number in range(1, 102)])
    assert (times.n, times.p50_ms, times.p90_ms, times.p99_ms) == (101, 51, 91, 100)
    assert times.longest_ms == 101
    assert Times.of([]).n == 0


def test_a_decision_takes_from_the_beginning_of_the_upload_until_it_is_recorded():
    uploads = [(sent(0), "a"), (sent(1), "b")]
    found = outcome.of_workflow(uploads, {"a": decision(0.5), "b": decision(3)}, set())
    assert found["times"]["decision"]["p50_ms"] == 1250
    assert found["times"]["decision"]["longest_ms"] == 2000
    assert found["times"]["upload"]["p50_ms"] == 100
    assert (found["lost"], found["failed"], found["untold"]) == (0, 0, 0)


def test_an_upload_that_is_neither_decided_nor_kept_is_lost():
    uploads = [(sent(number), str(number)) for number in range(3)]
    found = outcome.of_workflow(uploads, {"0": decision(1)}, {"incoming/1.jpg"})
    assert (found["failed"], found["lost"]) == (1, 1)
    assert list(outcome.describe(found | {"instances": []}))[-1] == "Lost: 1."


def test_an_upload_that_was_refused_is_not_lost_but_sent_in_vain():
    found = outcome.of_workflow([(sent(0, error="AccessDenied"), "a"), (sent(1), "b")], {}, set())
    assert (found["sent"], found["not_sent"], found["lost"]) == (2, 1, 1)
    assert found["errors"] == {"AccessDenied": 1}


def test_a_decision_that_nobody_was_told_of_is_counted():
    made = decision(1)
    del made["delivered_at"]
    found = outcome.of_workflow([(sent(0), "a")], {"a": made}, set())
    assert (found["untold"], found["times"]["told"]["n"]) == (1, 0)


def test_only_accepted_decisions_are_right_or_wrong():
    uploads = [(sent(0), "a"), (sent(1, truth="motorcycle"), "b"), (sent(2, truth=None), "c")]
    rejected = decision(2, decision="rejected")
    del rejected["label"]
    made = {"a": decision(1), "b": decision(2), "c": rejected}
    found = outcome.of_workflow(uploads, made, set())
    assert found["accepted_right"] == 0.5
    assert found["decisions"] == {"accepted": 2, "rejected": 1}


def test_that_no_accepted_decision_was_right_is_said():
    found = outcome.of_workflow([(sent(0, truth="motorcycle"), "a")], {"a": decision(1)}, set())
    lines = outcome.describe(found | {"errors": {}, "instances": []})
    assert any("of the accepted, 0.000 right" in line for line in lines)


def test_a_request_to_the_endpoint_that_fails_is_lost():
    found = outcome.of_endpoint([sent(0), sent(1, error="ModelError", took_s=9.0)])
    assert (found["lost"], found["times"]["answer"]["n"]) == (1, 1)
    assert found["times"]["answer"]["longest_ms"] == 100


def test_the_rate_is_of_what_was_really_sent():
    found = outcome.of_endpoint([sent(0), sent(4, took_s=1.0, late_s=2.5)])
    assert (found["seconds"], found["rate"], found["latest_s"]) == (5.0, 0.4, 2.5)


@pytest.mark.parametrize("errors", [{}, {"SlowDown": 3}])
def test_a_result_is_told_in_a_few_lines(errors):
    found = outcome.of_endpoint([sent(0)]) | {"errors": errors}
    changes = [{"at_s": 0.0, "count": 2}, {"at_s": 61.2, "count": 4}]
    lines = list(outcome.describe(found | {"instances": changes}))
    assert lines[0].startswith("1 sent in 0 s, 0 of them in vain")
    assert ("  3 times: SlowDown" in lines) == bool(errors)
    assert lines[-2:] == ["Instances: 2 (0 s) → 4 (61 s).", "Lost: 0."]
