"""The artefact bucket: documents, files and keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.artifacts import Bucket, open_bucket
from scripts.environment import Environment
from scripts.errors import UserError


def test_a_document_is_read_as_it_was_written(bucket: Bucket) -> None:
    document = {"labels": ["bicycle", "Fährrad"], "threshold": 0.8, "nothing": None}
    bucket.write_json("some/place.json", document)
    assert bucket.read_json("some/place.json") == document


def test_a_document_says_that_it_is_json(bucket: Bucket) -> None:
    bucket.write_json("a.json", {})
    head = bucket.s3.head_object(Bucket=bucket.name, Key="a.json")
    assert head["ContentType"] == "application/json"


def test_a_document_that_does_not_exist_is_none(bucket: Bucket) -> None:
    assert bucket.read_json("missing.json") is None


def test_a_refusal_is_not_taken_for_a_missing_document(
    bucket: Bucket, aws: Any, aws_error: Callable[..., ClientError]
) -> None:
    aws.answers["GetObject"] = aws_error("AccessDenied", status=403)
    with pytest.raises(ClientError, match="AccessDenied"):
        bucket.read_json("a.json")


def test_a_uri_of_the_bucket_leads_to_its_key_and_back(bucket: Bucket) -> None:
    assert bucket.uri("models/a.tar.gz") == "s3://scones-dev-artifacts/models/a.tar.gz"
    assert bucket.key(bucket.uri("models/a.tar.gz")) == "models/a.tar.gz"


@pytest.mark.parametrize(
    "uri", ["s3://scones-dev-artifacts-2/a", "https://scones-dev-artifacts/a", "a", ""]
)
def test_a_uri_elsewhere_has_no_key_here(bucket: Bucket, uri: str) -> None:
    with pytest.raises(UserError, match="is not in the bucket scones-dev-artifacts"):
        bucket.key(uri)


def test_a_file_goes_up_and_comes_down_unchanged(bucket: Bucket, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(range(256)))
    assert bucket.upload(source, "some/key") == bucket.uri("some/key")
    bucket.download("some/key", tmp_path / "new" / "folder" / "file")
    assert (tmp_path / "new" / "folder" / "file").read_bytes() == source.read_bytes()


def test_keys_are_listed_by_prefix_beyond_one_page(bucket: Bucket, aws: Any) -> None:
    pages = [
        {"Contents": [{"Key": "a/1"}, {"Key": "a/2"}], "IsTruncated": True,
         "NextContinuationToken": "more"},
        {"Contents": [{"Key": "a/3"}], "IsTruncated": False},
    ]  # fmt: skip
    aws.answers["ListObjectsV2"] = lambda request: pages["ContinuationToken" in request]
    assert bucket.keys("a/") == ["a/1", "a/2", "a/3"]
    assert {request["Prefix"] for request in aws.made("ListObjectsV2")} == {"a/"}


def test_only_keys_with_the_prefix_are_listed(bucket: Bucket) -> None:
    for key in ("a/1", "b/1"):
        bucket.write_json(key, {})
    assert bucket.keys("a/") == ["a/1"]
    assert bucket.keys("c/") == []


def test_a_bucket_is_opened_for_many_readers_at_once(aws: Any, dev: Environment) -> None:
    opened = open_bucket(dev, "some-bucket")
    assert opened.name == "some-bucket"
    assert opened.s3.meta.config.max_pool_connections >= 16
