"""Emptying a bucket: every version, every delete marker, every unfinished upload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.environment import Environment
from scripts.errors import UserError
from scripts.provisioning import destroy


@pytest.fixture
def s3(aws: Any, dev: Environment) -> Any:
    return dev.client("s3")


@pytest.fixture
def versioned(s3: Any) -> Any:
    """A versioned bucket `pictures`; returns S3's client."""
    s3.create_bucket(Bucket="pictures")
    s3.put_bucket_versioning(Bucket="pictures", VersioningConfiguration={"Status": "Enabled"})
    return s3


def _is_empty(s3: Any) -> bool:
    answer = s3.list_object_versions(Bucket="pictures")
    return not answer.get("Versions") and not answer.get("DeleteMarkers")


def test_every_version_and_every_delete_marker_goes(versioned: Any, dev: Environment) -> None:
    for body in (b"1", b"2"):
        versioned.put_object(Bucket="pictures", Key="a", Body=body)
    versioned.put_object(Bucket="pictures", Key="b", Body=b"")
    versioned.delete_object(Bucket="pictures", Key="b")
    assert destroy.empty_bucket(dev, "pictures", lambda _text: None) == 4
    assert _is_empty(versioned)
    versioned.delete_bucket(Bucket="pictures")


def test_a_bucket_without_versions_is_emptied_too(s3: Any, dev: Environment) -> None:
    s3.create_bucket(Bucket="pictures")
    s3.put_object(Bucket="pictures", Key="a", Body=b"")
    assert destroy.empty_bucket(dev, "pictures", lambda _text: None) == 1
    assert _is_empty(s3)


def test_more_objects_than_one_request_takes_go_in_several(
    versioned: Any, aws: Any, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert destroy._DELETE_AT_ONCE == 1000  # what DeleteObjects takes
    monkeypatch.setattr(destroy, "_DELETE_AT_ONCE", 10)
    for number in range(25):
        versioned.put_object(Bucket="pictures", Key=f"{number}", Body=b"")
    said: list[str] = []
    assert destroy.empty_bucket(dev, "pictures", said.append) == 25
    assert _is_empty(versioned)
    sizes = [len(request["Delete"]["Objects"]) for request in aws.made("DeleteObjects")]
    assert sizes == [10, 10, 5]
    assert said == [f"{count} objects of pictures" for count in (10, 20, 25)]


@pytest.mark.parametrize("character", ["\x00", "\x01", "\x1b", "\ufffe", "\uffff"])
def test_a_key_that_xml_cannot_hold_is_deleted_by_itself(
    aws: Any, dev: Environment, character: str
) -> None:
    odd = {"Key": f"incoming/{character}.jpg", "VersionId": "1"}
    # What XML holds but has to escape goes with the others.
    plain = [{"Key": key, "VersionId": "2"} for key in ("a", "<&\t\r\n>", "é\ue000😀\x7f")]
    aws.answers |= {
        "ListObjectVersions": [{"Versions": [odd, *plain]}, {"DeleteMarkers": [odd]}, {}],
        "DeleteObject": {},
        "DeleteObjects": {},
        "ListMultipartUploads": {},
    }
    assert destroy.empty_bucket(dev, "pictures", lambda _text: None) == 5
    assert aws.made("DeleteObject") == [{"Bucket": "pictures", **odd}] * 2
    assert [request["Delete"]["Objects"] for request in aws.made("DeleteObjects")] == [plain]


def test_an_object_that_cannot_be_deleted_is_named_and_not_tried_for_ever(
    versioned: Any, aws: Any, dev: Environment
) -> None:
    versioned.put_object(Bucket="pictures", Key="locked.png", Body=b"")
    aws.answers["DeleteObjects"] = {
        "Errors": [{"Key": "locked.png", "VersionId": "1", "Code": "AccessDenied"}]
    }
    with pytest.raises(UserError, match=r"locked\.png in pictures cannot be deleted: AccessDenied"):
        destroy.empty_bucket(dev, "pictures", lambda _text: None)


def test_unfinished_uploads_are_aborted(versioned: Any, aws: Any, dev: Environment) -> None:
    for key in ("a", "b%20+"):
        versioned.create_multipart_upload(Bucket="pictures", Key=key)
    destroy.empty_bucket(dev, "pictures", lambda _text: None)
    assert [one["Key"] for one in aws.made("AbortMultipartUpload")] == ["a", "b%20+"]
    assert "Uploads" not in versioned.list_multipart_uploads(Bucket="pictures")


def test_an_unfinished_upload_whose_key_xml_cannot_hold_is_aborted(
    aws: Any, dev: Environment
) -> None:
    encoded = {"Key": "incoming/%01%2B+a.jpg", "UploadId": "1"}
    aws.answers |= {
        "ListObjectVersions": {},
        "ListMultipartUploads": [{"EncodingType": "url", "Uploads": [encoded]}, {}],
        "AbortMultipartUpload": {},
    }
    destroy.empty_bucket(dev, "pictures", lambda _text: None)
    assert all(one["EncodingType"] == "url" for one in aws.made("ListMultipartUploads"))
    (request,) = aws.made("AbortMultipartUpload")
    assert request == {"Bucket": "pictures", "Key": "incoming/\x01+ a.jpg", "UploadId": "1"}


def test_a_bucket_that_does_not_exist_is_empty(aws: Any, dev: Environment) -> None:
    assert destroy.empty_bucket(dev, "missing", lambda _text: None) == 0


def test_a_bucket_that_may_not_be_read_is_not_taken_for_an_empty_one(
    aws: Any, dev: Environment, aws_error: Callable[..., ClientError]
) -> None:
    aws.answers["ListObjectVersions"] = aws_error("AccessDenied", status=403)
    with pytest.raises(ClientError, match="AccessDenied"):
        destroy.empty_bucket(dev, "pictures", lambda _text: None)
