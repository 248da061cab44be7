"""Serialize, against S3's behaviour (moto) and against its faults (stubbed answers)."""

import base64
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError, ResponseStreamingError
from botocore.response import StreamingBody
from botocore.stub import Stubber
from moto import mock_aws
from PIL import Image

from lambdas.common.errors import (
    AccessDenied,
    EndpointTimeout,
    EndpointUnavailable,
    InvalidInput,
    InvalidSettings,
    ServiceRefused,
    Throttled,
)
from lambdas.serialize import handler
from lambdas.serialize.handler import load_settings, serialize

SETTINGS = handler.SETTINGS
BUCKET = SETTINGS.uploads_bucket

Encode = Callable[..., bytes]
Noise = Callable[[int, int], Image.Image]


@pytest.fixture
def picture(encode: Encode, noise: Noise) -> bytes:
    return encode(noise(32, 32), "PNG")


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """S3 with the uploads bucket, versioned."""
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture(scope="module")
def client() -> Any:
    """A client that is made once: it is never called without a stub."""
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    return boto3.client("s3", region_name="us-east-1", **keys)


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    """S3 that gives the answers it is told to, and refuses any other call."""
    with Stubber(client) as stubber:
        yield stubber


def put(s3: Any, key: str, content: bytes) -> str:
    version_id: str = s3.put_object(Bucket=BUCKET, Key=key, Body=content)["VersionId"]
    return version_id


def event(key: str = "incoming/a.png", version_id: str | None = None) -> dict[str, str]:
    message = {"s3_bucket": BUCKET, "s3_key": key}
    return message if version_id is None else {**message, "version_id": version_id}


class BrokenBody:
    """A body that fails while it is read, or gives fewer or more bytes than announced."""

    def __init__(self, content: bytes = b"", error: Exception | None = None) -> None:
        self.content = content
        self.error = error
        self.asked: list[int] = []
        self.closed = False

    def read(self, amount: int) -> bytes:
        self.asked.append(amount)
        if self.error:
            raise self.error
        return self.content[:amount]

    def close(self) -> None:
        self.closed = True


def answering(body: BrokenBody, size_bytes: int) -> Any:
    response = {"ContentLength": size_bytes, "ETag": '"e"', "VersionId": "v1", "Body": body}
    return SimpleNamespace(get_object=lambda **_: response)


def failing(error: Exception) -> Any:
    def get_object(**_: Any) -> None:
        raise error

    return SimpleNamespace(get_object=get_object)


def test_a_picture_becomes_the_message_for_infer(s3: Any, picture: bytes) -> None:
    version_id = put(s3, "incoming/a.png", picture)
    message = serialize(event(version_id=version_id), SETTINGS, s3)
    data = base64.b64decode(message.pop("image_data"))
    with Image.open(io.BytesIO(data)) as sent, Image.open(io.BytesIO(picture)) as uploaded:
        assert sent.tobytes() == uploaded.tobytes()
    assert message == {
        "image": {
            "s3_bucket": BUCKET,
            "s3_key": "incoming/a.png",
            "version_id": version_id,
            "etag": hashlib.md5(picture).hexdigest(),
            "sha256": hashlib.sha256(picture).hexdigest(),
            "width": 32,
            "height": 32,
        },
        "content_type": "image/png",
    }


def test_the_extension_does_not_matter(s3: Any, encode: Encode, noise: Noise) -> None:
    put(s3, "incoming/a.png", encode(noise(32, 32), "JPEG"))
    assert "image_data" in serialize(event(), SETTINGS, s3)


def test_the_version_named_is_read_and_not_the_newest(s3: Any, encode: Encode) -> None:
    first = put(s3, "incoming/a.png", encode(Image.new("RGB", (20, 20)), "PNG"))
    put(s3, "incoming/a.png", encode(Image.new("RGB", (30, 30)), "PNG"))
    message = serialize(event(version_id=first), SETTINGS, s3)
    assert (message["image"]["version_id"], message["image"]["width"]) == (first, 20)


def test_without_a_version_the_newest_is_read_and_named(s3: Any, picture: bytes) -> None:
    put(s3, "incoming/a.png", b"old")
    newest = put(s3, "incoming/a.png", picture)
    assert serialize(event(), SETTINGS, s3)["image"]["version_id"] == newest


def test_the_version_in_a_bucket_without_versions_is_null(s3: Any, picture: bytes) -> None:
    s3.create_bucket(Bucket="unversioned")
    s3.put_object(Bucket="unversioned", Key="incoming/a.png", Body=picture)
    settings = replace(SETTINGS, uploads_bucket="unversioned")
    message = serialize({**event(), "s3_bucket": "unversioned"}, settings, s3)
    assert message["image"]["version_id"] == "null"


@pytest.mark.parametrize(
    "key",
    [
        "incoming/driver 42.png",
        "incoming/a+b%2Bc%.png",
        "incoming/fährrad 🚲.png",
        "incoming/" + "x" * 1015,
        "incoming/../../etc/passwd",
        "incoming/a\nb",
        "incoming/'\"; {% raw %} {{7*7}} $(id)",
    ],
)
def test_a_key_is_used_exactly_as_it_is(s3: Any, picture: bytes, key: str) -> None:
    put(s3, key, picture)
    assert serialize(event(key), SETTINGS, s3)["image"]["s3_key"] == key


def test_the_message_stays_below_32_kb_for_the_worst_picture_and_key(
    s3: Any, encode: Encode, noise: Noise
) -> None:
    key = "incoming/" + "\x01" * 1015
    put(s3, key, encode(noise(128, 128), "PNG"))
    assert len(json.dumps(serialize(event(key), SETTINGS, s3))) < 32_768


def test_a_key_that_ends_in_a_slash_is_ignored_without_a_call(stub: Stubber) -> None:
    message = serialize(event("incoming/folder/", "v1"), SETTINGS, stub.client)
    assert message["decision"] == "ignored"
    assert message["reason"] == "folder_marker"
    assert message["image"]["version_id"] == "v1"


def test_a_folder_marker_is_counted(
    stub: Stubber, lambda_context: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    handler.handle(event("incoming/folder/", "v1"), lambda_context)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [metric] = [line for line in lines if "_aws" in line]
    assert metric["Ignored"] == [1]
    assert (metric["Environment"], metric["service"]) == ("test", "serialize")


def test_a_rejected_upload_is_counted(
    monkeypatch: pytest.MonkeyPatch,
    s3: Any,
    lambda_context: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    put(s3, "incoming/a.png", b"<html>")
    monkeypatch.setattr(handler, "CLIENT", s3)
    handler.handle(event(), lambda_context)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [metric] = [line for line in lines if "_aws" in line]
    assert metric["Rejected"] == [1]
    assert (metric["Environment"], metric["service"]) == ("test", "serialize")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"<html>", "not_an_image"), (b"\x89PNG\r\n\x1a\n", "not_an_image")],
)
def test_a_file_that_is_no_picture_is_rejected(s3: Any, content: bytes, reason: str) -> None:
    put(s3, "incoming/a.png", content)
    message = serialize(event(), SETTINGS, s3)
    assert (message["decision"], message["reason"]) == ("rejected", reason)
    assert message["image"]["etag"] == hashlib.md5(content).hexdigest()


def test_a_rejected_picture_is_identified_by_its_digest(s3: Any, picture: bytes) -> None:
    half = picture[: len(picture) // 2]
    put(s3, "incoming/a.png", half)
    message = serialize(event(), SETTINGS, s3)
    assert message["reason"] == "damaged"
    assert message["image"]["sha256"] == hashlib.sha256(half).hexdigest()


def test_a_file_over_the_size_limit_is_rejected_without_reading_it() -> None:
    body = BrokenBody(b"x")
    message = serialize(event(), SETTINGS, answering(body, SETTINGS.max_upload_bytes + 1))
    assert message["reason"] == "too_large"
    assert body.asked == []
    assert body.closed


def test_no_more_than_the_size_limit_is_read_whatever_is_sent() -> None:
    settings = replace(SETTINGS, max_upload_bytes=1000)
    body = BrokenBody(bytes(5000))
    with pytest.raises(EndpointUnavailable, match="1001 of 900 bytes"):
        serialize(event(), settings, answering(body, 900))
    assert body.asked == [1001]
    assert body.closed


def test_a_file_that_was_deleted_is_gone(s3: Any, picture: bytes) -> None:
    version_id = put(s3, "incoming/a.png", picture)
    s3.delete_object(Bucket=BUCKET, Key="incoming/a.png", VersionId=version_id)
    message = serialize(event(version_id=version_id), SETTINGS, s3)
    assert (message["decision"], message["reason"]) == ("rejected", "gone")
    assert message["image"] == {**event(), "version_id": version_id}


def test_a_file_whose_newest_version_is_a_deletion_is_gone(s3: Any, picture: bytes) -> None:
    put(s3, "incoming/a.png", picture)
    s3.delete_object(Bucket=BUCKET, Key="incoming/a.png")
    assert serialize(event(), SETTINGS, s3)["reason"] == "gone"


def test_a_version_survives_a_later_deletion(s3: Any, picture: bytes) -> None:
    version_id = put(s3, "incoming/a.png", picture)
    s3.delete_object(Bucket=BUCKET, Key="incoming/a.png")
    assert "image_data" in serialize(event(version_id=version_id), SETTINGS, s3)


@pytest.mark.parametrize(
    ("code", "status"),
    [("NoSuchKey", 404), ("NoSuchVersion", 404), ("MethodNotAllowed", 405)],
)
def test_every_way_of_s3_to_say_gone_is_understood(stub: Stubber, code: str, status: int) -> None:
    stub.add_client_error("get_object", code, http_status_code=status)
    assert serialize(event(version_id="v1"), SETTINGS, stub.client)["reason"] == "gone"


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("AccessDenied", 403, AccessDenied),
        ("KMS.DisabledException", 400, AccessDenied),
        ("SlowDown", 503, Throttled),
        ("InternalError", 500, EndpointUnavailable),
        ("NoSuchBucket", 404, ServiceRefused),
    ],
)
def test_a_refusal_of_s3_is_a_failure_and_never_a_rejection(
    stub: Stubber, code: str, status: int, error: type[Exception]
) -> None:
    stub.add_client_error("get_object", code, http_status_code=status)
    with pytest.raises(error, match=f"Could not read the upload: {code}"):
        serialize(event(), SETTINGS, stub.client)


def test_a_version_that_s3_cannot_have_given_is_invalid_input(stub: Stubber) -> None:
    stub.add_client_error("get_object", "InvalidArgument", http_status_code=400)
    with pytest.raises(InvalidInput, match="version_id"):
        serialize(event(version_id="nonsense"), SETTINGS, stub.client)


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (EndpointConnectionError(endpoint_url="http://127.0.0.1"), EndpointUnavailable),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1"), EndpointTimeout),
        (ResponseStreamingError(error="cut"), EndpointUnavailable),
    ],
)
def test_a_network_error_is_a_failure_that_is_retried(
    cause: Exception, error: type[Exception]
) -> None:
    with pytest.raises(error):
        serialize(event(), SETTINGS, failing(cause))
    body = BrokenBody(error=cause)
    with pytest.raises(error):
        serialize(event(), SETTINGS, answering(body, 100))
    assert body.closed


def test_an_incomplete_transfer_is_a_failure_and_not_a_damaged_picture(picture: bytes) -> None:
    body = BrokenBody(picture[:-5])
    with pytest.raises(EndpointUnavailable):
        serialize(event(), SETTINGS, answering(body, len(picture)))


@pytest.mark.parametrize("key", ["captures/a.png", "incoming", "INCOMING/a.png", "x/incoming/a"])
def test_another_prefix_is_refused_without_a_call(stub: Stubber, key: str) -> None:
    with pytest.raises(AccessDenied, match="s3_key"):
        serialize(event(key), SETTINGS, stub.client)


def test_another_bucket_is_refused_without_a_call(stub: Stubber) -> None:
    with pytest.raises(AccessDenied, match="s3_bucket"):
        serialize({**event(), "s3_bucket": "another"}, SETTINGS, stub.client)


def test_a_wrong_input_is_refused_without_a_call(stub: Stubber) -> None:
    with pytest.raises(InvalidInput, match="s3_key: missing"):
        serialize({"s3_bucket": BUCKET}, SETTINGS, stub.client)


def test_exactly_the_version_named_is_asked_for(stub: Stubber, picture: bytes) -> None:
    response = {
        "ContentLength": len(picture),
        "ETag": '"e"',
        "VersionId": "v1",
        "Body": StreamingBody(io.BytesIO(picture), len(picture)),
    }
    asked = {"Bucket": BUCKET, "Key": "incoming/a.png", "VersionId": "v1"}
    stub.add_response("get_object", response, asked)
    serialize(event(version_id="v1"), SETTINGS, stub.client)
    stub.assert_no_pending_responses()


@pytest.mark.parametrize("name", ["UPLOADS_BUCKET", "ALLOWED_PREFIXES", "IMAGE_SIZE_PX"])
def test_a_missing_setting_is_named(environment: dict[str, str], name: str) -> None:
    del environment[name]
    with pytest.raises(InvalidSettings, match=name):
        load_settings(environment)


def test_s3_is_given_up_before_the_function_is_stopped() -> None:
    config = handler.S3_CONFIG
    attempts = config.retries["total_max_attempts"]
    assert attempts * (config.connect_timeout + config.read_timeout) <= 8


@pytest.fixture
def detailed() -> Iterator[None]:
    """The log of somebody who looks for a fault: POWERTOOLS_LOG_LEVEL=DEBUG."""
    handler.logger.setLevel("DEBUG")
    yield
    handler.logger.setLevel("INFO")


def test_a_hostile_key_is_one_line_of_the_log_and_the_picture_none(
    monkeypatch: pytest.MonkeyPatch,
    s3: Any,
    picture: bytes,
    lambda_context: Any,
    detailed: None,
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", log)
    monkeypatch.setattr(handler, "CLIENT", s3)
    key = 'incoming/a\n{"level": "ERROR"}\r\x1b[31m'
    put(s3, key, picture)
    message = handler.handle(event(key), lambda_context)
    (line,) = log.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["image"]["s3_key"] == key
    assert entry["function_request_id"] == lambda_context.aws_request_id
    assert message["image_data"] not in line
    assert len(line) < 1000


@pytest.mark.parametrize(("body", "lines"), [(None, 0), (b"hello", 1)])
def test_what_is_rejected_is_logged_and_what_goes_well_is_not(
    monkeypatch: pytest.MonkeyPatch,
    s3: Any,
    picture: bytes,
    lambda_context: Any,
    body: bytes | None,
    lines: int,
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", log)
    monkeypatch.setattr(handler, "CLIENT", s3)
    put(s3, "incoming/a", body or picture)
    handler.handle(event("incoming/a"), lambda_context)
    assert len([line for line in log.getvalue().splitlines() if '"image"' in line]) == lines
