"""What a batch is to classify: a prefix of the uploads bucket, a manifest, or a local folder."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from lambdas.common.messages import MAX_FIELD_BYTES, image_id
from scripts.dataset.pictures import MAX_PICTURE_BYTES
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation.workflow import ADHOC, INCOMING, UPLOADS_AT_ONCE

FOLDERS = (INCOMING, ADHOC)  # what serialize may read
MAX_LINE_BYTES = 16_384
_PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
_DIGITS_OF_DIGEST = 16
_GONE = ("404", "NoSuchKey", "NoSuchVersion")


@dataclass(frozen=True)
class Picture:
    """One version of an object in the uploads bucket."""

    key: str
    version_id: str

    def image_id(self, bucket: str) -> str:
        """The id that its decision is recorded under."""
        return image_id(bucket, self.key, self.version_id)


def find(environment: Environment, bucket: str, source: str) -> Iterator[Picture]:
    """The pictures of s3://BUCKET/PREFIX, of a manifest (.jsonl, here or in S3), or of a folder.

    A folder is uploaded first, where no event starts an execution. Raises UserError for anything
    else, for what lies outside the folders that the workflow reads, and for a damaged manifest.
    """
    s3 = environment.client("s3", max_pool_connections=UPLOADS_AT_ONCE)
    if source.endswith(".jsonl"):
        return _unique(_of_manifest(s3, bucket, _lines(s3, source), source), bucket)
    if source.startswith("s3://"):
        return _below(s3, bucket, _prefix(bucket, source))
    return _of_folder(s3, bucket, Path(source))


def _prefix(bucket: str, source: str) -> str:
    owner, _, prefix = source.removeprefix("s3://").partition("/")
    if owner != bucket or not prefix.startswith(FOLDERS):
        raise UserError(
            f"{source} is not in the workflow's reach. Copy the pictures there first: "
            f"aws s3 cp --recursive {source} s3://{bucket}/{ADHOC}NAME/, then name that."
        )
    return prefix


def _below(s3: Any, bucket: str, prefix: str) -> Iterator[Picture]:
    """The newest version of every object, but for folder markers."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        for item in page.get("Versions", []):
            if item["IsLatest"] and not item["Key"].endswith("/"):
                yield Picture(item["Key"], item["VersionId"])


def _lines(s3: Any, source: str) -> Iterator[bytes]:
    if not source.startswith("s3://"):
        try:
            with Path(source).open("rb") as file:
                yield from iter(lambda: file.readline(MAX_LINE_BYTES + 1), b"")
        except OSError as error:
            raise UserError(f"{source} cannot be read: {error.strerror}.") from error
        return
    owner, _, key = source.removeprefix("s3://").partition("/")
    try:
        body = s3.get_object(Bucket=owner, Key=key)["Body"]
    except ClientError as error:
        raise UserError(f"{source} cannot be read: {error.response['Error']['Code']}.") from error
    yield from body.iter_lines()


def _of_manifest(s3: Any, bucket: str, lines: Iterable[bytes], name: str) -> Iterator[Picture]:
    """A line: {"s3_key": …}, with "version_id" where it is not to be the newest version."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _picture(s3, bucket, line, f"{name}, line {number}")


def _picture(s3: Any, bucket: str, line: bytes, where: str) -> Picture:
    if len(line) > MAX_LINE_BYTES:
        raise UserError(f"{where} is longer than {MAX_LINE_BYTES} bytes: that is no manifest.")
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f'{where} is no JSON. Write {{"s3_key": "{ADHOC}a.jpg"}}.') from error
    fields = entry if isinstance(entry, dict) else {}
    key, version = fields.get("s3_key"), fields.get("version_id")
    if fields.get("s3_bucket", bucket) != bucket:
        raise UserError(f"{where} names another bucket: only {bucket} is read.")
    if not isinstance(key, str) or not key.startswith(FOLDERS):
        raise UserError(f"{where} names no s3_key below {' or '.join(FOLDERS)}.")
    if not _is_possible(key) or not (version is None or _is_possible(version)):
        raise UserError(f"{where} has a key or a version_id that S3 cannot have.")
    return Picture(key, version or _newest(s3, bucket, key, where))


def _is_possible(text: object) -> bool:
    """Whether it can be a key or a version id. JSON can carry half of a surrogate pair."""
    try:
        return isinstance(text, str) and len(text.encode()) <= MAX_FIELD_BYTES
    except UnicodeEncodeError:
        return False


def _newest(s3: Any, bucket: str, key: str, where: str) -> str:
    try:
        return str(s3.head_object(Bucket=bucket, Key=key).get("VersionId", "null"))
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise UserError(f"{where}: {key} is not in {bucket}.") from error
        raise


def _unique(pictures: Iterable[Picture], bucket: str) -> Iterator[Picture]:
    """Each one once: a manifest may name it again."""
    seen: set[bytes] = set()
    for picture in pictures:
        mark = bytes.fromhex(picture.image_id(bucket))
        if mark not in seen:
            seen.add(mark)
            yield picture


def _of_folder(s3: Any, bucket: str, folder: Path) -> Iterator[Picture]:
    """The folder's pictures, uploaded unless they are there from an earlier run.

    The key holds a digest of the content: what has changed since is another picture.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder, no manifest (.jsonl) and no s3:// address.")
    prefix = f"{ADHOC}{folder.resolve().name}/"
    there = {picture.key: picture for picture in _below(s3, bucket, prefix)}

    def uploaded(path: Path) -> Picture:
        body = path.read_bytes()
        digest = hashlib.sha256(body).hexdigest()[:_DIGITS_OF_DIGEST]
        key = f"{prefix}{digest}/{path.relative_to(folder).as_posix()}"
        if key in there:
            return there[key]
        answer = s3.put_object(Bucket=bucket, Key=key, Body=body)
        return Picture(key, answer.get("VersionId", "null"))

    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        yield from pool.map(uploaded, _files(folder))


def _files(folder: Path) -> list[Path]:
    """Pictures by their names, in order. Links are not followed: they may lead anywhere."""
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in _PICTURES
        and path.is_file()
        and not path.is_symlink()
        and path.resolve().is_relative_to(folder.resolve())
        and path.stat().st_size <= MAX_PICTURE_BYTES
    )
    if not found:
        raise UserError(
            f"{folder} holds no pictures: {', '.join(sorted(_PICTURES))} are looked for."
        )
    return found
