"""Read a staged data set back from S3, and make sure that it is what was staged."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scripts.dataset import layout
from scripts.dataset.faults import explained
from scripts.dataset.layout import MARKER, Marker
from scripts.dataset.model import Progress, Sample, Splits, quiet
from scripts.dataset.pictures import MAX_PICTURE_BYTES
from scripts.dataset.rules import first_few
from scripts.dataset.split import in_order
from scripts.errors import UserError

_PARTS = ("train", "validation", "test")
_DOWNLOADS_AT_ONCE = 16


@dataclass(frozen=True)
class _Picture:
    """A picture that a manifest lists; `key` is its place below the data set's folder."""

    part: str
    label: int
    name: str
    key: str


def read_staged(
    s3: Any,
    bucket: str,
    dataset_id: str,
    prefix: str = "datasets",
    progress: Progress = quiet,
) -> tuple[tuple[str, ...], Splits]:
    """Classes and parts of `s3://bucket/prefix/<dataset_id>/`, as `stage` was given them.

    Classes, parts, labels, names and every picture's bytes are compared with the digest that the
    data set's id is the beginning of. `s3` is a boto3 client.

    Raises UserError when there is no such data set, when anything of it was changed after it was
    staged, and when the bucket cannot be used.
    """
    folder = _Folder(s3, bucket, f"{prefix.strip('/')}/{dataset_id}/")
    with explained(folder.uri, "run this again"):
        marker, sealed_at = folder.marker()
        pictures = [picture for part in _PARTS for picture in folder.listed(part, marker.classes)]
        samples, later = folder.read(pictures, sealed_at, progress)
    splits = Splits(
        **{part: in_order(samples[part]) for part in _PARTS},
        dropped=marker.dropped,
        seed=marker.seed,
        source=marker.source,
    )
    digest = layout.splits_digest(splits, marker.classes)
    if digest != marker.digest or digest[: len(dataset_id)] != dataset_id:
        raise folder.changed(f"({first_few(sorted(later))})" if later else "")
    return marker.classes, splits


@dataclass(frozen=True)
class _Folder:
    """The data set's folder in S3; `key` ends in a slash."""

    s3: Any
    bucket: str
    key: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    def changed(self, how: str) -> UserError:
        words = " ".join(filter(None, [self.uri, "was changed after it was staged", how]))
        return UserError(
            f"{words}: bring back the earlier versions of its objects, or stage its source again "
            "with invoke stage"
        )

    def get(self, key: str, limit_bytes: int | None = None) -> tuple[bytes, datetime] | None:
        """The object's bytes and when it was written, or None when it is missing.

        Raises UserError when it has more bytes than any object that was staged there.
        """
        from botocore.exceptions import ClientError

        try:
            answer = self.s3.get_object(Bucket=self.bucket, Key=self.key + key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
        if limit_bytes is not None and answer["ContentLength"] > limit_bytes:
            raise self.changed(f"({key})")
        return answer["Body"].read(), answer["LastModified"]

    def marker(self) -> tuple[Marker, datetime]:
        found = self.get(MARKER)
        if found is None:
            raise UserError(
                f"there is no complete data set in {self.uri}: stage one, with invoke stage"
            )
        try:
            return layout.read_marker(found[0]), found[1]
        except ValueError as error:
            raise self.changed(f"({MARKER}: {error})") from error

    def listed(self, part: str, classes: Sequence[str]) -> list[_Picture]:
        key = f"manifests/{part}.json"
        found = self.get(key)
        if found is None:
            raise self.changed(f"({key} is gone)")
        try:
            rows = layout.read_manifest(found[0], classes, f"{self.uri}{part}/")
        except ValueError as error:
            raise self.changed(f"({key}: {error})") from error
        return [
            _Picture(part, label, name, f"{part}/{classes[label]}/{name}") for label, name in rows
        ]

    def read(
        self, pictures: Sequence[_Picture], sealed_at: datetime, progress: Progress
    ) -> tuple[dict[str, list[Sample]], list[str]]:
        """Samples by part, and the keys of what was written later than `sealed_at`."""
        samples: dict[str, list[Sample]] = {part: [] for part in _PARTS}
        later: list[str] = []
        pool = ThreadPoolExecutor(_DOWNLOADS_AT_ONCE)
        try:
            futures = {
                pool.submit(self.get, picture.key, MAX_PICTURE_BYTES): picture
                for picture in pictures
            }
            for done, future in enumerate(as_completed(futures), start=1):
                picture, found = futures[future], future.result()
                if found is None:
                    raise self.changed(f"({picture.key} is gone)")
                samples[picture.part].append(Sample(picture.name, picture.label, found[0]))
                if found[1] > sealed_at:
                    later.append(picture.key)
                progress("reading pictures", done, len(pictures))
        finally:
            pool.shutdown(cancel_futures=True)
        return samples, later
