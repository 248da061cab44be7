"""Put the three parts into S3, once, in the layout that training jobs read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any

from scripts.dataset import layout
from scripts.dataset.faults import explained
from scripts.dataset.layout import MARKER, StagedObject
from scripts.dataset.model import Progress, Splits, quiet
from scripts.dataset.rules import first_few
from scripts.errors import UserError

_UPLOADS_AT_ONCE = 8
_MAX_KEY_BYTES = 1024


@dataclass(frozen=True)
class StagedDataset:
    """A data set in S3.

    uri:       s3://bucket/prefix/<dataset_id>/
    channels:  S3 prefix, ending in a slash, by channel: train, validation, test, train_lst,
               validation_lst
    manifests: S3 manifest file by part; it lists the part's pictures, and not its .lst file
    counts:    pictures by part and class
    uploaded, unchanged: objects written now, and found as they must be
    digest:    SHA-256 (hex) of everything staged; dataset_id is its beginning
    """

    dataset_id: str
    uri: str
    channels: Mapping[str, str]
    manifests: Mapping[str, str]
    counts: Mapping[str, Mapping[str, int]]
    uploaded: int
    unchanged: int
    digest: str


def stage(
    splits: Splits,
    classes: Sequence[str],
    s3: Any,
    bucket: str,
    prefix: str = "datasets",
    progress: Progress = quiet,
) -> StagedDataset:
    """Bring the splits to `s3://bucket/prefix/<dataset_id>/`, uploading only what is missing.

    Below it lie `<part>/<class>/<name>` and `<part>/<part>.lst`; for AWS's image classification
    `train_lst/train.lst` and `validation_lst/validation.lst`; for batch transforms
    `manifests/<part>.json`; and `dataset.json`, written last: what has it is complete. The same
    data always has the same id. `s3` is a boto3 client.

    Raises UserError when the bucket cannot be used, and when foreign objects lie in the folder.
    """
    digest = layout.splits_digest(splits, classes)
    folder = f"{prefix.strip('/')}/{digest[:12]}/"
    uri = f"s3://{bucket}/{folder}"
    objects = list(layout.objects(splits, classes, uri))
    _check_keys(objects, folder)
    missing: list[StagedObject] = []
    with explained(uri, "run this again; it uploads only what is missing"):
        found = dict(_listing(s3, bucket, folder))
        _refuse_foreign(found, objects, uri)
        if not _is_complete(s3, bucket, folder, digest, found):
            missing = [item for item in objects if found.get(item.key) != item.listed_as]
            listing = found | _upload(missing, s3, bucket, folder, progress)
            _put(s3, bucket, folder, layout.marker(splits, classes, listing))
    return StagedDataset(
        dataset_id=digest[:12],
        uri=uri,
        channels={name: f"{uri}{name}/" for name in layout.CHANNELS},
        manifests={part: f"{uri}manifests/{part}.json" for part in splits.parts()},
        counts=layout.count(splits, classes),
        uploaded=len(missing),
        unchanged=len(objects) - len(missing),
        digest=digest,
    )


def describe(splits: Splits, classes: Sequence[str]) -> str:
    """One line: how many pictures of what, from where, and what was left out."""
    parts = ", ".join(f"{len(samples)} {part}" for part, samples in splits.parts().items())
    line = f"{parts} pictures of {', '.join(classes)} ({splits.source})"
    if splits.dropped:
        names = first_few(splits.dropped)
        line += f"; {len(splits.dropped)} of train left out because test has them: {names}"
    return line


def _is_complete(s3: Any, bucket: str, folder: str, digest: str, found: layout.Listing) -> bool:
    if MARKER not in found:
        return False
    body: bytes = s3.get_object(Bucket=bucket, Key=folder + MARKER)["Body"].read()
    return layout.is_complete(body, digest, found)


def _listing(s3: Any, bucket: str, folder: str) -> Iterator[tuple[str, tuple[int, str]]]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=folder)
    for page in pages:
        for item in page.get("Contents", []):
            yield item["Key"].removeprefix(folder), (item["Size"], item["ETag"].strip('"'))


def _refuse_foreign(found: Iterable[str], objects: Iterable[StagedObject], uri: str) -> None:
    foreign = sorted(set(found) - {item.key for item in objects} - {MARKER})
    if foreign:
        raise UserError(
            f"{uri} holds {len(foreign)} objects that are not of this data set "
            f"({first_few(foreign)}): training would read them; remove them"
        )


def _check_keys(objects: Iterable[StagedObject], folder: str) -> None:
    for item in objects:
        if len((folder + item.key).encode()) > _MAX_KEY_BYTES:
            raise UserError(
                f"{folder}{item.key} is longer than {_MAX_KEY_BYTES} bytes, S3's limit for a key: "
                "use a shorter name or prefix"
            )


def _upload(
    missing: Sequence[StagedObject], s3: Any, bucket: str, folder: str, progress: Progress
) -> dict[str, tuple[int, str]]:
    """Write the objects; returns size and ETag of each. The first fault stops the rest."""
    written: dict[str, tuple[int, str]] = {}
    pool = ThreadPoolExecutor(_UPLOADS_AT_ONCE)
    try:
        futures = {pool.submit(_put, s3, bucket, folder, item): item for item in missing}
        for done, future in enumerate(as_completed(futures), start=1):
            item = futures[future]
            written[item.key] = (len(item.data), future.result())
            progress("uploading", done, len(missing))
    finally:
        pool.shutdown(cancel_futures=True)
    return written


def _put(s3: Any, bucket: str, folder: str, item: StagedObject) -> str:
    answer = s3.put_object(
        Bucket=bucket, Key=folder + item.key, Body=item.data, ContentType=item.media_type
    )
    etag: str = answer["ETag"]
    return etag.strip('"')
