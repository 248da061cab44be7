"""Whatever an execution or a function is given, it is understood, or refused in one line."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.common.errors import InvalidInput
from lambdas.common.messages import (
    MAX_FIELD_BYTES,
    ImageVersion,
    Prepared,
    Upload,
    image_message,
    parse_input,
    parse_prepared,
    parse_scored,
    prepared_message,
)
from lambdas.common.picture import MAX_PICTURE_BYTES
from tests.unit.lambdas.hostile import JSON, KEYS, TEXTS, VERSION_IDS, outcome

MAX_MESSAGE_BYTES = 32_768

FIELDS = {
    parse_input: ("s3_bucket", "s3_key", "version_id", "redrive_of", "sequencer"),
    parse_prepared: ("image", "content_type", "image_data"),
    parse_scored: ("image", "scores", "variant"),
}
IMAGE_FIELDS = ("s3_bucket", "s3_key", "version_id", "etag", "sha256", "width", "height")

Parse = Callable[[object], object]


def understood_or_refused(parse: Parse, message: object) -> object:
    """What was understood, or the refusal, which begins with the name of a field."""
    found = outcome(parse, message, failures=InvalidInput)
    if isinstance(found, InvalidInput):
        names = ["input", *FIELDS[parse], *(f"image.{field}" for field in IMAGE_FIELDS)]
        if isinstance(message, dict):
            names += [ascii(field[:40])[:60] for field in message]
        assert str(found).startswith(tuple(f"{name}: " for name in names))
    return found


@pytest.mark.parametrize("parse", FIELDS)
@given(message=JSON)
def test_any_json_value_is_understood_or_refused_in_one_line(parse: Parse, message: Any) -> None:
    understood_or_refused(parse, message)


@pytest.mark.parametrize("parse", FIELDS)
@given(data=st.data())
def test_known_fields_with_any_values_are_understood_or_refused_in_one_line(
    parse: Parse, data: st.DataObject
) -> None:
    image = st.fixed_dictionaries({}, optional=dict.fromkeys(IMAGE_FIELDS, TEXTS | JSON))
    fields = dict.fromkeys(FIELDS[parse], TEXTS | JSON)
    if "image" in fields:
        fields["image"] = image | JSON
    understood_or_refused(parse, data.draw(st.fixed_dictionaries({}, optional=fields)))


@given(st.text(), st.text(max_size=256), st.none() | st.text())
def test_what_is_understood_of_an_input_is_what_it_says(
    bucket: str, key: str, version_id: str | None
) -> None:
    message = {"s3_bucket": bucket, "s3_key": key}
    message |= {} if version_id is None else {"version_id": version_id}
    upload = understood_or_refused(parse_input, message)
    if "" in message.values():
        assert isinstance(upload, InvalidInput)
    else:
        assert upload == Upload(bucket, key, version_id)


@given(KEYS, VERSION_IDS)
def test_any_key_of_up_to_1024_bytes_is_taken_unchanged(key: str, version_id: str) -> None:
    message = json.dumps({"s3_bucket": "b", "s3_key": key, "version_id": version_id})
    assert parse_input(json.loads(message)) == Upload("b", key, version_id)


@pytest.mark.parametrize("field", FIELDS[parse_input])
@given(KEYS, st.integers(1, 500))
def test_any_longer_field_is_refused(field: str, key: str, more: int) -> None:
    long = key + "x" * (MAX_FIELD_BYTES - len(key.encode()) + more)
    with pytest.raises(InvalidInput, match=f"{field}: longer than 1024 bytes"):
        parse_input({"s3_bucket": "b", "s3_key": "k", field: long})


@given(KEYS, VERSION_IDS)
def test_an_image_has_the_same_id_in_every_function(key: str, version_id: str) -> None:
    image = ImageVersion("b", key, version_id)
    prepared = Prepared(image, "image/png", b"p")
    sent = json.loads(json.dumps(prepared_message(prepared)))
    scored = {"image": image_message(image), "scores": {"bicycle": 1.0}, "variant": "v"}
    expected = hashlib.sha256(f"b\n{key}\n{version_id}".encode()).hexdigest()
    assert parse_prepared(sent).image.id == parse_scored(scored).image.id == expected


@given(KEYS | st.characters(max_codepoint=127).map(lambda one: one * MAX_FIELD_BYTES), VERSION_IDS)
def test_the_message_of_the_largest_picture_stays_below_32_kb_for_every_key(
    key: str, version_id: str
) -> None:
    # A bucket's name has at most 63 characters; no upload has more pixels than this on a side.
    image = ImageVersion("b" * 63, key, version_id, "e" * 64, "5" * 64, 10**8, 10**8)
    message = prepared_message(Prepared(image, "image/jpeg", bytes(MAX_PICTURE_BYTES)))
    assert len(json.dumps(message)) <= MAX_MESSAGE_BYTES
