"""Capture files, read fast: whatever is in them, the full parser would have read the same."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common import capture_scan
from lambdas.common.capture import CaptureFile, parse_file
from lambdas.common.capture_scan import Scan, scan_file

PICTURE = b"\x89PNG\r\n\x1a\nnot really"
IMAGE_ID = "0123456789abcdef" * 4

texts = st.text(max_size=20)
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([0, 1, -0.0, 1e-300, 10**400]))
answers = st.one_of(
    st.lists(numbers, max_size=4).map(json.dumps),
    st.lists(numbers, max_size=4).map(lambda values: ",".join(map(str, values))),
    st.sampled_from(["[0.75, 0.25]", "[01]", "[1.]", "[.5]", "[1e999]", "[NaN]", "[0.5,  0.5]"]),
    texts,
)
times = st.one_of(
    st.datetimes().map(lambda time: f"{time:%Y-%m-%dT%H:%M:%SZ}"),
    st.sampled_from(["2026-02-30T00:00:00Z", "2026-11-07T24:00:00Z", "2026-11-07", "never"]),
)


def line(
    picture: bytes = PICTURE,
    answer: str = "[0.75, 0.25]",
    time: str = "2026-11-07T09:04:48Z",
    inference_id: str | None = IMAGE_ID,
    content_type: str = "application/x-image",
    event_id: str = "0c0b075f-7076-461d-9aea-4f5a4f1a09ed",
) -> bytes:
    """A line as SageMaker writes it."""
    request = {"observedContentType": content_type, "mode": "INPUT"}
    response = {"observedContentType": "application/json", "mode": "OUTPUT", "data": answer}
    event: dict[str, Any] = {
        "eventId": event_id,
        "inferenceId": inference_id,
        "inferenceTime": time,
    }
    if inference_id is None:
        del event["inferenceId"]
    record = {
        "captureData": {
            "endpointInput": {
                **request,
                "data": base64.b64encode(picture).decode(),
                "encoding": "BASE64",
            },
            "endpointOutput": {**response, "encoding": "JSON"},
        },
        "eventMetadata": event,
        "eventVersion": "0",
    }
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


lines = st.builds(
    line,
    picture=st.binary(max_size=50),
    answer=answers,
    time=times,
    inference_id=st.one_of(st.none(), texts, st.just(IMAGE_ID)),
    content_type=st.one_of(texts, st.just("image/png")),
    event_id=texts,
)


def records(file: CaptureFile | Scan) -> tuple[list[tuple[Any, ...]], int]:
    """The same view of what either reader has found: records, and how many lines were damaged.

    A picture that is not base64 is damage to the full parser; the fast reader says so when it is
    asked for the picture.
    """
    if isinstance(file, CaptureFile):
        whole = [(r.inference_id, r.inference_time, r.scores, r.image) for r in file.records]
        return whole, file.damaged_lines
    scores = [row if row is None else tuple(map(float, row)) for row in file.scores]
    pictures = [file.picture(index) for index in range(len(file.times))]
    rows = list(zip(file.inference_ids, file.times, scores, pictures, strict=True))
    whole = [row for row in rows if row[-1] is not None]
    return whole, file.damaged_lines + len(rows) - len(whole)


def assert_same(content: bytes) -> None:
    assert records(scan_file(content)) == records(parse_file(content))


@given(st.lists(lines, max_size=4).map(b"".join))
def test_records_of_any_content_are_read_as_the_full_parser_reads_them(content: bytes) -> None:
    assert_same(content)


@given(
    content=st.lists(lines, min_size=1, max_size=3).map(b"".join),
    where=st.floats(0, 1),
    removed=st.integers(0, 5),
    put=st.binary(max_size=5),
)
def test_damage_at_any_place_is_found_as_the_full_parser_finds_it(
    content: bytes, where: float, removed: int, put: bytes
) -> None:
    place = int(where * len(content))
    assert_same(content[:place] + put + content[place + removed :])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_as_the_full_parser_reads_them(content: bytes) -> None:
    assert_same(content)


TWISTED = {
    "cut off": line()[:200],
    "two lines run together": line()[:100] + line(),
    "a picture that is not base64": line().replace(b"iVBOR", b"iV!OR"),
    "a picture with padding in the middle": line().replace(b"iVBOR", b"iV=OR"),
    "a picture that lacks a byte": line().replace(b"iVBOR", b"iVOR"),
    "a picture with an escaped slash": line().replace(b"iVBOR", b"\\/VBOR"),
    "a picture with a quote": line().replace(b"iVBOR", b'i"BOR'),
    "a picture with a control character": line().replace(b"iVBOR", b"i\x01BOR"),
    "a picture with a backslash": line().replace(b"iVBOR", b"iV\\/R"),
    "a time that never was": line(time="2026-02-30T00:00:00Z"),
    "a number with a leading zero": line(answer="[01, 0]"),
    "an infinite number": line(answer="[1e999]"),
    "spaces between members": line().replace(b'","', b'", "'),
    "an id with an escape": line(inference_id='a"b'),
    "a line end of Windows": line().replace(b"\n", b"\r\n"),
    "an old line end within": line() + b"\r" + line(),
    "no line end": line().rstrip(),
    "a space behind": line().rstrip() + b" \n",
    "no answer": line().replace(b'"endpointOutput"', b'"endpointOther"'),
    "nothing": b"",
    "empty lines": b"\n\n" + line(),
}


@pytest.mark.parametrize("content", TWISTED.values(), ids=TWISTED.keys())
def test_an_unusual_line_is_read_as_the_full_parser_reads_it(content: bytes) -> None:
    assert_same(line() + content + b"\n" + line())


@pytest.mark.parametrize("inference_id", [IMAGE_ID, None])
@pytest.mark.parametrize("size", [0, 1, 2, 3, 2350])
def test_a_usual_line_never_meets_the_full_parser(
    monkeypatch: pytest.MonkeyPatch, inference_id: str | None, size: int
) -> None:
    content = line(bytes(size), inference_id=inference_id, answer="[0.9,1.5e-07]")
    expected = records(parse_file(content))
    monkeypatch.setattr(capture_scan, "parse_file", None)
    assert records(scan_file(content)) == expected


def test_a_line_that_another_one_runs_into_is_damage_whether_or_not_its_picture_is_wanted() -> None:
    scan = scan_file(line()[:150] + line())
    assert (scan.times, scan.damaged_lines) == ([], 1)
