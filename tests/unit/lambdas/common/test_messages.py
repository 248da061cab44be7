"""The workflow's messages, as strangers and as our own functions write them."""

import base64
import hashlib
import json
from typing import Any

import pytest

from lambdas.common.errors import InvalidInput, Reason, Rejected
from lambdas.common.messages import (
    ImageVersion,
    Prepared,
    Upload,
    image_id,
    image_message,
    parse_input,
    parse_prepared,
    parse_scored,
    prepared_message,
    rejected_message,
)

INPUT = {"s3_bucket": "uploads", "s3_key": "incoming/driver 42+ü%.jpg", "version_id": "v1"}
IMAGE = {"s3_bucket": "uploads", "s3_key": "incoming/a.png", "version_id": "v1"}
PREPARED = {"image": IMAGE, "content_type": "image/png", "image_data": "AAEC"}
SCORED = {"image": IMAGE, "scores": {"bicycle": 0.9, "motorcycle": 0.1}, "variant": "champion"}


def refusal(parse: Any, message: object) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse(message)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 100
    return text


def test_the_input_of_an_execution_is_taken_as_it_is() -> None:
    assert parse_input(INPUT) == Upload("uploads", "incoming/driver 42+ü%.jpg", "v1")


def test_a_version_is_optional() -> None:
    assert parse_input({"s3_bucket": "b", "s3_key": "k"}).version_id is None


def test_a_redrive_is_accepted() -> None:
    assert parse_input({**INPUT, "redrive_of": "arn:aws:states:1"}) == parse_input(INPUT)


@pytest.mark.parametrize("name", ["s3_bucket", "s3_key"])
def test_a_missing_field_is_named(name: str) -> None:
    message = {key: value for key, value in INPUT.items() if key != name}
    assert refusal(parse_input, message) == f"{name}: missing"


def test_an_extra_field_is_named() -> None:
    assert refusal(parse_input, {**INPUT, "bucket": "b"}) == "'bucket': not a field of the input"


def test_an_extra_field_with_a_hostile_name_is_named_on_one_short_line() -> None:
    text = refusal(parse_input, {**INPUT, "x\n{% raw %}" + "y" * 100_000: 1})
    assert text.startswith("'x\\n{% raw %}yyy")


@pytest.mark.parametrize("name", ["s3_bucket", "s3_key", "version_id", "redrive_of"])
@pytest.mark.parametrize("value", [None, 1, 1.5, True, [], {}, "", "\ud800"])
def test_a_field_of_the_wrong_type_is_named(name: str, value: object) -> None:
    assert refusal(parse_input, {**INPUT, name: value}).startswith(f"{name}: ")


@pytest.mark.parametrize("message", [None, [], "text", 1])
def test_an_input_that_is_no_object_is_refused(message: object) -> None:
    assert refusal(parse_input, message).startswith("input: expected an object")


def test_a_key_of_1024_bytes_is_accepted_and_a_longer_one_is_not() -> None:
    assert parse_input({**INPUT, "s3_key": "ü" * 512}).s3_key == "ü" * 512
    text = refusal(parse_input, {**INPUT, "s3_key": "ü" * 512 + "x"})
    assert text == "s3_key: longer than 1024 bytes"


@pytest.mark.parametrize(
    "key", ["incoming/../x", "incoming/a\nb", "incoming/'\"", "incoming/{% x %}", "a%2Bb+c d"]
)
def test_a_key_is_never_decoded_or_changed(key: str) -> None:
    assert parse_input({**INPUT, "s3_key": key}).s3_key == key


def test_an_image_id_is_the_digest_of_bucket_key_and_version() -> None:
    expected = hashlib.sha256("b\nschlüssel\nv".encode()).hexdigest()
    assert image_id("b", "schlüssel", "v") == expected
    assert ImageVersion("b", "schlüssel", "v").id == expected


def test_a_prepared_picture_survives_the_way_to_infer() -> None:
    image = ImageVersion("b", "k", "v", etag="e", sha256="s", width=3, height=4)
    prepared = Prepared(image, "image/png", b"\x89PNG")
    assert parse_prepared(json.loads(json.dumps(prepared_message(prepared)))) == prepared


def test_only_what_is_known_of_an_image_is_in_its_message() -> None:
    assert image_message(ImageVersion("b", "k", "null")) == {
        "s3_bucket": "b",
        "s3_key": "k",
        "version_id": "null",
    }


def test_a_rejection_is_a_result_with_a_reason_and_a_sentence() -> None:
    message = rejected_message(ImageVersion("b", "k", "v"), Rejected(Reason.EMPTY, "Empty."))
    assert message == {
        "image": {"s3_bucket": "b", "s3_key": "k", "version_id": "v"},
        "decision": "rejected",
        "reason": "empty",
        "detail": "Empty.",
    }


def test_fields_that_a_newer_function_adds_are_ignored() -> None:
    newer = {**PREPARED, "new": 1, "image": {**IMAGE, "new": 1}}
    assert parse_prepared(newer) == parse_prepared(PREPARED)


@pytest.mark.parametrize("name", ["image", "content_type", "image_data"])
def test_a_missing_field_of_a_prepared_picture_is_named(name: str) -> None:
    message = {key: value for key, value in PREPARED.items() if key != name}
    assert refusal(parse_prepared, message).startswith(f"{name}: ")


@pytest.mark.parametrize("name", ["s3_bucket", "s3_key", "version_id"])
def test_a_missing_field_of_an_image_is_named(name: str) -> None:
    image = {key: value for key, value in IMAGE.items() if key != name}
    assert refusal(parse_prepared, {**PREPARED, "image": image}) == f"image.{name}: missing"


@pytest.mark.parametrize("width", [0, -1, 1.5, "1", True])
def test_a_width_that_is_no_count_is_named(width: object) -> None:
    image = {**IMAGE, "width": width}
    assert refusal(parse_prepared, {**PREPARED, "image": image}).startswith("image.width: ")


@pytest.mark.parametrize("data", ["not base64!", "AA!EC", "AAE", "ÄÄÄÄ"])
def test_a_picture_that_is_not_base64_is_refused_without_being_quoted(data: str) -> None:
    assert refusal(parse_prepared, {**PREPARED, "image_data": data}) == "image_data: not base64"


def test_a_picture_over_the_limit_is_refused_without_being_quoted() -> None:
    data = base64.b64encode(bytes(196_609)).decode()
    text = refusal(parse_prepared, {**PREPARED, "image_data": data})
    assert text == "image_data: more than 196608 bytes"


def test_a_content_type_that_serialize_never_writes_is_refused() -> None:
    text = refusal(parse_prepared, {**PREPARED, "content_type": "text/html"})
    assert text.startswith("content_type: ")


@pytest.mark.parametrize("scores", [None, [], "0.9", {}])
def test_scores_that_are_no_object_with_a_label_are_refused(scores: object) -> None:
    assert refusal(parse_scored, {**SCORED, "scores": scores}).startswith("scores: ")


def test_a_missing_variant_is_named() -> None:
    message = {key: value for key, value in SCORED.items() if key != "variant"}
    assert refusal(parse_scored, message) == "variant: missing"
