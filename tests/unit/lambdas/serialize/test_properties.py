"""Whatever a key says, it is a name: it is handed on and logged, and never understood."""

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lambdas.common.errors import AccessDenied
from lambdas.serialize import handler
from tests.fuzz.seeds import seeds
from tests.unit.lambdas.hostile import KEYS, VERSION_IDS, outcome

BUCKET = handler.SETTINGS.uploads_bucket
PICTURE = seeds()["jpeg-baseline"]
MAX_MESSAGE_BYTES = 32_768

_allowed = KEYS.map(lambda key: f"incoming/{key}").filter(lambda key: len(key.encode()) <= 1024)


class S3:
    """A bucket with one picture under every key; it keeps what it was asked for."""

    def __init__(self, content: bytes = PICTURE) -> None:
        self.content = content
        self.asked: list[dict[str, Any]] = []

    def get_object(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        body = io.BytesIO(self.content)
        answer = {"ContentLength": len(self.content), "ETag": '"e"', "Body": body}
        return {**answer, "VersionId": request["VersionId"]}


def event(key: str, version_id: str = "v1") -> dict[str, str]:
    return {"s3_bucket": BUCKET, "s3_key": key, "version_id": version_id}


@given(_allowed.filter(lambda key: not key.endswith("/")), VERSION_IDS)
def test_any_key_is_asked_for_and_handed_on_exactly_as_it_is(key: str, version_id: str) -> None:
    s3 = S3()
    message = handler.serialize(event(key, version_id), handler.SETTINGS, s3)
    assert s3.asked == [{"Bucket": BUCKET, "Key": key, "VersionId": version_id}]
    assert event(key, version_id).items() <= message["image"].items()
    assert len(json.dumps(message)) <= MAX_MESSAGE_BYTES


@given(KEYS)
def test_no_key_outside_the_allowed_prefixes_is_ever_asked_for(key: str) -> None:
    s3 = S3()
    allowed = key.startswith(handler.SETTINGS.allowed_prefixes)
    found = outcome(handler.serialize, event(key), handler.SETTINGS, s3, failures=AccessDenied)
    assert isinstance(found, AccessDenied) != allowed
    assert allowed or s3.asked == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_allowed, st.sampled_from([b"", b"<html>", PICTURE]))
@example('incoming/\r\n{"level": "ERROR"}\x1b[31m', b"")
def test_any_key_is_one_line_of_the_log(
    monkeypatch: pytest.MonkeyPatch, lambda_context: SimpleNamespace, key: str, content: bytes
) -> None:
    log = io.StringIO()
    monkeypatch.setattr(handler.logger.registered_handler, "stream", log)
    monkeypatch.setattr(handler, "CLIENT", S3(content))
    handler.logger.setLevel("DEBUG")
    try:
        handler.handle(event(key), lambda_context)
    finally:
        handler.logger.setLevel("INFO")
    line, rest = log.getvalue().split("\n")
    assert rest == ""
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["image"]["s3_key"] == key
