"""Data capture records, files and sampling."""

import base64
import json
import re
from datetime import UTC, datetime

import pytest

from scripts.localcloud import capture
from scripts.localcloud.capture import CaptureWriter, Exchange, capture_key, record

NOON = datetime(2026, 3, 9, 12, 4, 48, 49_999, tzinfo=UTC)
CONFIG = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://bucket/captures",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
}
PICTURE = Exchange(b"\x89PNG", "image/png", b"[0.25, 0.75]", "application/json")
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture
def write(services, monkeypatch):
    """write(exchanges, **config): the objects that S3 gets."""
    monkeypatch.setattr(capture, "INTERVAL_S", 3600.0)

    def written(exchanges, **changes):
        writer = CaptureWriter(services, "scones", "AllTraffic", CONFIG | changes)
        for exchange in exchanges:
            writer.add(exchange)
        writer.close()
        return services.s3.made("put_object")

    return written


def test_a_record_has_the_members_of_real_ones():
    found = record(CONFIG, PICTURE, NOON)
    event_id = found["eventMetadata"].pop("eventId")
    assert re.fullmatch(UUID, event_id)
    assert found == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "image/png",
                "mode": "INPUT",
                "data": base64.b64encode(b"\x89PNG").decode(),
                "encoding": "BASE64",
            },
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": "[0.25, 0.75]",
                "encoding": "JSON",
            },
        },
        "eventMetadata": {"inferenceTime": "2026-03-09T12:04:48Z"},
        "eventVersion": "0",
    }


def test_inference_id_and_custom_attributes_are_there_when_they_were_given():
    exchange = Exchange(b"", "text/plain", b"", "text/plain", "picture-7", "smoke-test")
    metadata = record(CONFIG, exchange, NOON)["eventMetadata"]
    assert metadata["inferenceId"] == "picture-7"
    assert metadata["customAttributes"] == ["smoke-test"]


def test_an_answer_is_base64_unless_its_type_is_listed():
    config = {name: value for name, value in CONFIG.items() if name != "CaptureContentTypeHeader"}
    output = record(config, PICTURE, NOON)["captureData"]["endpointOutput"]
    assert output["encoding"] == "BASE64"
    assert base64.b64decode(output["data"]) == b"[0.25, 0.75]"


def test_a_type_is_listed_whatever_its_case_and_parameters():
    exchange = Exchange(b"", "image/png", b"[]", "Application/JSON; charset=utf-8")
    output = record(CONFIG, exchange, NOON)["captureData"]["endpointOutput"]
    assert output["encoding"] == "JSON"
    assert output["observedContentType"] == "Application/JSON; charset=utf-8"


def test_csv_types_are_listed_apart():
    config = CONFIG | {"CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]}}
    found = record(config, Exchange(b"1,2", "text/csv", b"0.5", "text/csv"), NOON)
    assert found["captureData"]["endpointInput"]["encoding"] == "CSV"
    assert found["captureData"]["endpointInput"]["data"] == "1,2"


def test_what_calls_itself_text_and_is_none_is_captured_as_base64():
    found = record(CONFIG, Exchange(b"\xff\xfe", "application/json", b"", "text/plain"), NOON)
    assert found["captureData"]["endpointInput"]["encoding"] == "BASE64"


@pytest.mark.parametrize(
    ("mode", "members"),
    [
        ("Input", ["endpointInput"]),
        ("Output", ["endpointOutput"]),
        ("InputAndOutput", ["endpointInput", "endpointOutput"]),
    ],
)
def test_only_what_is_asked_for_is_captured(mode, members):
    config = CONFIG | {"CaptureOptions": [{"CaptureMode": mode}]}
    assert list(record(config, PICTURE, NOON)["captureData"]) == members


def test_a_key_tells_endpoint_variant_and_the_time_to_the_millisecond():
    key = capture_key("captures", "scones", "AllTraffic", NOON)
    assert re.fullmatch(rf"captures/scones/AllTraffic/2026/03/09/12/04-48-049-{UUID}\.jsonl", key)


@pytest.mark.parametrize(("prefix", "start"), [("", "scones/A/"), ("a/b/", "a/b/scones/A/")])
def test_a_key_begins_with_the_prefix_if_there_is_one(prefix, start):
    assert capture_key(prefix, "scones", "A", NOON).startswith(start)


def test_a_file_holds_one_record_a_line(write):
    (file,) = write([PICTURE, PICTURE])
    lines = file["Body"].decode().split("\n")
    assert lines[-1] == ""
    assert [json.loads(line)["eventVersion"] for line in lines[:-1]] == ["0", "0"]
    assert file["Bucket"] == "bucket"
    assert file["Key"].startswith("captures/scones/AllTraffic/")


def test_a_file_holds_at_most_eight_records(write):
    files = write([PICTURE] * 20)
    assert [file["Body"].count(b"\n") for file in files] == [8, 8, 4]


def test_a_file_is_named_after_its_first_record(write):
    (file,) = write([PICTURE, PICTURE])
    first = json.loads(file["Body"].splitlines()[0])["eventMetadata"]["inferenceTime"]
    year, month, day, hour, name = file["Key"].split("/")[-5:]
    minute, second = name.split("-")[:2]
    assert first == f"{year}-{month}-{day}T{hour}:{minute}:{second}Z"


def test_with_100_percent_every_request_is_captured(write):
    assert sum(file["Body"].count(b"\n") for file in write([PICTURE] * 100)) == 100


def test_with_0_percent_none_is(write):
    assert write([PICTURE] * 100, InitialSamplingPercentage=0) == []


def test_with_30_percent_about_a_third_is(write):
    files = write([PICTURE] * 1000, InitialSamplingPercentage=30)
    assert 230 <= sum(file["Body"].count(b"\n") for file in files) <= 370  # 4.8 deviations


def test_what_s3_does_not_take_is_written_when_it_is_back(services, monkeypatch):
    monkeypatch.setattr(capture, "INTERVAL_S", 3600.0)
    writer = CaptureWriter(services, "scones", "AllTraffic", CONFIG)
    services.s3.is_away = True
    writer.add(PICTURE)
    writer._outbox.flush()
    services.s3.is_away = False
    writer.close()
    assert len(services.s3.made("put_object")) == 1
