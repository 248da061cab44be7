"""What jobs and models read from S3: prefixes, manifests and archives."""

import json
import re
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from scripts.localcloud.aws import Aws
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import JobFailed

_S3_URI = re.compile(r"s3://([^/]+)/?(.*)", re.DOTALL)


class SourceObject(NamedTuple):
    """An object to read. `path` is its place below the prefix or the manifest's prefix."""

    bucket: str
    key: str
    path: str


class BadArchive(Exception):
    """An object that should be a .tar.gz archive is none, or has members that would leave it."""


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of `s3://bucket/key`. Raises ServiceError for anything else."""
    match = _S3_URI.fullmatch(uri)
    if match is None:
        raise ServiceError("ValidationException", f"'{uri}' is not an S3 URI.")
    return match[1], match[2]


def path_below(prefix: str, key: str) -> str:
    """Where an object that was found by `prefix` goes: below it, or beside its other matches."""
    folder = prefix.rstrip("/") + "/"
    if not key.startswith(folder):
        folder = prefix[: prefix.rfind("/") + 1]
    return key.removeprefix(folder).lstrip("/")


def require_objects(aws: Aws, source: Mapping[str, Any], role_arn: str) -> None:
    """Refuse a job without input, as AWS does before it starts. Raises ServiceError.

    `source` is an S3DataSource: S3DataType and S3Uri.
    """
    uri = source["S3Uri"]
    bucket, prefix = split_s3_uri(uri)
    try:
        found = aws.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)["KeyCount"]
    except ClientError:
        found = 0
    if not found:
        raise ServiceError(
            "ValidationException",
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure '
            f"that the bucket exists in the selected region ({aws.region}), that objects exist "
            f'under that S3 prefix, and that the role "{role_arn}" has "s3:ListBucket" '
            f'permissions on bucket "{bucket}".',
        )


def source_objects(aws: Aws, source: Mapping[str, Any]) -> Iterator[SourceObject]:
    """Yield the objects of an S3DataSource. Raises JobFailed when there are none."""
    uri = source["S3Uri"]
    bucket, key = split_s3_uri(uri)
    is_manifest = source["S3DataType"] == "ManifestFile"
    found = _listed_in_manifest(aws, bucket, key) if is_manifest else _below(aws, bucket, key)
    first = next(found, None)
    if first is None:
        raise _download_failed(f'No data files found under S3 URL "{uri}".')
    yield first
    yield from found


def _below(aws: Aws, bucket: str, prefix: str) -> Iterator[SourceObject]:
    for page in aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if not item["Key"].endswith("/"):
                yield SourceObject(bucket, item["Key"], path_below(prefix, item["Key"]))


def _listed_in_manifest(aws: Aws, bucket: str, key: str) -> Iterator[SourceObject]:
    try:
        head, *paths = json.loads(read(aws, bucket, key))
        source, prefix = split_s3_uri(head["prefix"])
        found = [SourceObject(source, prefix + path, path) for path in paths]
    except (ValueError, TypeError, KeyError, ServiceError) as error:
        raise _download_failed(
            f"The manifest s3://{bucket}/{key} must be a JSON array of a prefix and of paths."
        ) from error
    yield from found


def read(aws: Aws, bucket: str, key: str) -> bytes:
    """The content of an object. Raises JobFailed when S3 refuses."""
    content: bytes = _open(aws, bucket, key).read()
    return content


def _open(aws: Aws, bucket: str, key: str) -> Any:
    try:
        return aws.s3.get_object(Bucket=bucket, Key=key)["Body"]
    except ClientError as error:
        raise _download_failed(f"s3://{bucket}/{key}: {error}") from error


def download_source(aws: Aws, source: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Copy the objects of an S3DataSource into `folder`; yield each file when it is there.

    Raises JobFailed when there are none, when S3 refuses, or for a key that would leave `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for item in source_objects(aws, source):
        file = (folder / item.path).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise _download_failed(f"{item.key} leaves the channel.")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as target:
                shutil.copyfileobj(_open(aws, item.bucket, item.key), target)
        except OSError as error:  # no space, or one key is another's folder
            raise _download_failed(f"{item.key}: {error.strerror}") from error
        yield file


def download_archive(aws: Aws, uri: str, folder: Path) -> None:
    """Unpack the .tar.gz object at `uri` into `folder`.

    Raises botocore's ClientError when S3 refuses, BadArchive when the object cannot be unpacked.
    """
    bucket, key = split_s3_uri(uri)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.with_name(f"{folder.name}.tar.gz")
    aws.s3.download_file(bucket, key, str(archive))
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                _extract(tar, member, folder)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise BadArchive(str(error)) from error
    finally:
        archive.unlink()


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """One file or folder of an archive. tarfile's own filters are missing before Python 3.11.4."""
    path = (folder / member.name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise BadArchive(f"{member.name} leaves the archive's folder.")
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    content = tar.extractfile(member) if member.isfile() else None
    if content is None:
        raise BadArchive(f"{member.name} is neither a file nor a folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("wb") as target:
        shutil.copyfileobj(content, target)


def _download_failed(problem: str) -> JobFailed:
    return JobFailed(f"ClientError: Data download failed:{problem}")
