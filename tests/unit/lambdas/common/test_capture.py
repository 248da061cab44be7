"""Captured requests and answers, in every encoding, among damaged lines."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lambdas.common.capture import CaptureKey, parse_file, parse_key

KEY = (
    "captures/scones-test/champion/2026/11/07/09/04-48-049-"
    "91a9ef9b-f31e-4d80-9106-9e8695cc82c4.jsonl"
)
PICTURE = b"\x89PNG\r\n\x1a\nnot really"


def captured(**changes: Any) -> dict[str, Any]:
    """A record as SageMaker writes it, with parts of the input, output or metadata replaced."""
    record: dict[str, Any] = {
        "captureData": {
            "endpointInput": {
                "observedContentType": "image/png",
                "mode": "INPUT",
                "data": base64.b64encode(PICTURE).decode(),
                "encoding": "BASE64",
            },
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": "[0.75, 0.25]",
                "encoding": "JSON",
            },
        },
        "eventMetadata": {"eventId": "an-event", "inferenceTime": "2026-11-07T09:04:48Z"},
        "eventVersion": "0",
    }
    record["captureData"]["endpointInput"].update(changes.get("input", {}))
    record["captureData"]["endpointOutput"].update(changes.get("output", {}))
    record["eventMetadata"].update(changes.get("metadata", {}))
    return record


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_a_record_is_read_with_everything_it_says() -> None:
    (record,) = parse_file(lines(captured(metadata={"inferenceId": "an-image"})), KEY).records
    assert record.event_id == "an-event"
    assert record.inference_time == datetime(2026, 11, 7, 9, 4, 48, tzinfo=UTC)
    assert record.inference_id == "an-image"
    assert record.content_type == "image/png"
    assert record.image == PICTURE
    assert record.scores == (0.75, 0.25)
    assert (record.endpoint, record.variant) == ("scones-test", "champion")


def test_what_a_record_does_not_say_is_none() -> None:
    (record,) = parse_file(lines(captured())).records
    assert (record.inference_id, record.endpoint, record.variant) == (None, None, None)


def test_every_record_of_a_file_is_read_in_its_order() -> None:
    content = lines(*(captured(metadata={"eventId": str(number)}) for number in range(8)))
    assert [record.event_id for record in parse_file(content).records] == list("01234567")


def test_the_last_line_needs_no_line_end() -> None:
    assert len(parse_file(lines(captured()).rstrip(b"\n")).records) == 1


@pytest.mark.parametrize(
    "output",
    [
        {"data": "[0.75, 0.25]", "encoding": "JSON"},
        {"data": base64.b64encode(b"[0.75, 0.25]").decode(), "encoding": "BASE64"},
        {"data": "0.75,0.25\n", "encoding": "CSV", "observedContentType": "text/csv"},
        {"data": base64.b64encode(b"0.75, 0.25").decode(), "encoding": "BASE64"},
    ],
)
def test_scores_are_read_in_every_encoding(output: dict[str, str]) -> None:
    (record,) = parse_file(lines(captured(output=output))).records
    assert record.scores == (0.75, 0.25)


@pytest.mark.parametrize(
    "data", ["", "[]", "nonsense", "[NaN, 1]", '["0.5"]', "[true]", "[[1]]", "[1e999]", "{}"]
)
def test_an_answer_without_usable_scores_keeps_its_record(data: str) -> None:
    result = parse_file(lines(captured(output={"data": data})))
    assert [record.scores for record in result.records] == [None]
    assert result.damaged_lines == 0


def test_a_request_without_an_answer_keeps_its_record() -> None:
    record = captured()
    del record["captureData"]["endpointOutput"]
    assert parse_file(lines(record)).records[0].scores is None


DAMAGED = {
    "cut off": lines(captured())[:200],
    "not JSON": b"bicycle",
    "not UTF-8": b"\xff\xfe\xff",
    "an array": b"[]",
    "null": b"null",
    "deeply nested": b"[" * 50_000,
    "no capture data": lines({"eventMetadata": {}}),
    "a text for capture data": lines({"captureData": "x"}),
    "no event": lines({**captured(), "eventMetadata": None}),
    "a wrong time": lines(captured(metadata={"inferenceTime": "yesterday"})),
    "a number for a time": lines(captured(metadata={"inferenceTime": 1})),
    "a number for an id": lines(captured(metadata={"eventId": 1})),
    "a request that is not base64": lines(captured(input={"data": "!"})),
    "an answer that is not base64": lines(captured(output={"data": "!", "encoding": "BASE64"})),
    "a request without data": lines(captured(input={"data": None})),
}


@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_line_is_counted_and_hides_no_other(line: bytes) -> None:
    result = parse_file(lines(captured()) + line.rstrip(b"\n") + b"\n" + lines(captured()))
    assert (len(result.records), result.damaged_lines) == (2, 1)


def test_an_empty_line_is_no_damage() -> None:
    result = parse_file(lines(captured()) + b"\n \r\n" + lines(captured()))
    assert (len(result.records), result.damaged_lines) == (2, 0)


def test_an_empty_file_has_no_records() -> None:
    assert parse_file(b"").records == ()


def test_a_time_without_a_zone_is_utc() -> None:
    content = lines(captured(metadata={"inferenceTime": "2026-11-07T09:04:48"}))
    assert parse_file(content).records[0].inference_time.tzinfo is UTC


def test_a_key_says_where_and_when_a_file_was_captured() -> None:
    assert parse_key(KEY) == CaptureKey(
        prefix="captures",
        endpoint="scones-test",
        variant="champion",
        time=datetime(2026, 11, 7, 9, 4, 48, 49_000, tzinfo=UTC),
        file_id="91a9ef9b-f31e-4d80-9106-9e8695cc82c4",
    )


@pytest.mark.parametrize(("prefix", "parsed"), [("", ""), ("a/b/", "a/b")])
def test_a_prefix_can_have_any_depth(prefix: str, parsed: str) -> None:
    place = parse_key(prefix + KEY.removeprefix("captures/"))
    assert place is not None
    assert (place.prefix, place.endpoint, place.variant) == (parsed, "scones-test", "champion")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "captures/readme.txt",
        KEY + ".tmp",
        KEY.replace("2026/11", "2026/13"),
        KEY.split("/")[-1],
    ],
)
def test_another_key_is_no_capture_file(key: str) -> None:
    assert parse_key(key) is None
