"""Which objects a data set consists of in S3, and what is in them. Nothing here talks to S3."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.dataset.model import Sample, Splits
from scripts.dataset.pictures import media_type

MARKER = "dataset.json"
CHANNELS = ("train", "validation", "test", "train_lst", "validation_lst")
# Part of the digest: another layout is another data set.
_LAYOUT = "scones-dataset-1"
_LST_TYPE = "text/tab-separated-values"
_JSON_TYPE = "application/json"

# Size in bytes and ETag of objects by key, as a listing of S3 gives them.
Listing = Mapping[str, tuple[int, str]]


@dataclass(frozen=True)
class StagedObject:
    """An object to be: its key below the data set's folder, its bytes and their media type."""

    key: str
    data: bytes
    media_type: str

    @property
    def listed_as(self) -> tuple[int, str]:
        """Size and MD5, which is the ETag of what one request wrote without KMS encryption."""
        return len(self.data), hashlib.md5(self.data, usedforsecurity=False).hexdigest()


def splits_digest(splits: Splits, classes: Sequence[str]) -> str:
    """SHA-256 (hex) of classes, parts, labels, names and bytes; independent of their order."""
    lines = [_LAYOUT, json.dumps(list(classes))]
    for part, samples in splits.parts().items():
        lines += sorted(
            json.dumps([part, sample.label, sample.name, hashlib.sha256(sample.data).hexdigest()])
            for sample in samples
        )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def count(splits: Splits, classes: Sequence[str]) -> dict[str, dict[str, int]]:
    """Pictures by part and class."""
    return {
        part: {
            name: sum(sample.label == label for sample in samples)
            for label, name in enumerate(classes)
        }
        for part, samples in splits.parts().items()
    }


def objects(splits: Splits, classes: Sequence[str], uri: str) -> Iterator[StagedObject]:
    """Every object but the marker; `uri` is the data set's folder, ending in a slash.

    A transform job over a prefix would send the .lst file to the model as well: the manifest of a
    part lists its pictures alone.
    """
    for part, samples in splits.parts().items():
        for sample in samples:
            key = f"{part}/{_path(sample, classes)}"
            yield StagedObject(key, sample.data, media_type(sample.data))
        lst = _lst(samples, classes)
        yield StagedObject(f"{part}/{part}.lst", lst, _LST_TYPE)
        if f"{part}_lst" in CHANNELS:
            yield StagedObject(f"{part}_lst/{part}.lst", lst, _LST_TYPE)
        manifest = _manifest(samples, classes, f"{uri}{part}/")
        yield StagedObject(f"manifests/{part}.json", manifest, _JSON_TYPE)


def marker(splits: Splits, classes: Sequence[str], listing: Listing) -> StagedObject:
    """What says, once everything in `listing` is there, that the data set is complete."""
    digest = splits_digest(splits, classes)
    content = {
        "layout": _LAYOUT,
        "dataset_id": digest[:12],
        "digest": digest,
        "classes": list(classes),
        "counts": count(splits, classes),
        "dropped": list(splits.dropped),
        "seed": splits.seed,
        "source": splits.source,
        "objects": _seal(listing),
    }
    return StagedObject(MARKER, json.dumps(content, indent=2).encode() + b"\n", _JSON_TYPE)


def is_complete(marker_bytes: bytes, digest: str, listing: Listing) -> bool:
    """Whether the marker belongs to these data, and nothing was written after it."""
    try:
        found: Any = json.loads(marker_bytes)
    except ValueError:
        return False
    return (
        isinstance(found, dict)
        and found.get("digest") == digest
        and found.get("objects") == _seal(listing)
    )


@dataclass(frozen=True)
class Marker:
    """What dataset.json says of a data set; see Splits for the last three."""

    digest: str
    classes: tuple[str, ...]
    dropped: tuple[str, ...]
    seed: int
    source: str


def read_marker(marker_bytes: bytes) -> Marker:
    """The marker's content, not compared with anything. Raises ValueError when it is none."""
    found: Any = json.loads(marker_bytes)
    try:
        if found["layout"] != _LAYOUT:
            raise ValueError(f"its layout is {found['layout']!r}")
        # Markers once had the number of dropped pictures, without their names.
        dropped = found["dropped"] if isinstance(found["dropped"], list) else []
        return Marker(
            digest=str(found["digest"]),
            classes=tuple(map(str, found["classes"])),
            dropped=tuple(map(str, dropped)),
            seed=int(found["seed"]),
            source=str(found["source"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{error} is missing or wrong") from error


def read_manifest(
    manifest_bytes: bytes, classes: Sequence[str], prefix: str
) -> list[tuple[int, str]]:
    """Label and name of each picture that a part's manifest lists.

    Raises ValueError when it is not a manifest of pictures of `classes` below `prefix`.
    """
    rows: Any = json.loads(manifest_bytes)
    if not isinstance(rows, list) or rows[:1] != [{"prefix": prefix}]:
        raise ValueError(f"it does not list {prefix}")
    pictures = []
    for row in rows[1:]:
        name_of_class, slash, name = str(row).partition("/")
        if not slash or name_of_class not in classes:
            raise ValueError(f"it lists {row!r}")
        pictures.append((classes.index(name_of_class), name))
    return pictures


def _seal(listing: Listing) -> str:
    """SHA-256 of key, size and ETag of every object but the marker.

    With KMS encryption an ETag is no MD5; it still changes whenever the object is written.
    """
    rows = sorted([key, *found] for key, found in listing.items() if key != MARKER)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _path(sample: Sample, classes: Sequence[str]) -> str:
    return f"{classes[sample.label]}/{sample.name}"


def _lst(samples: Iterable[Sample], classes: Sequence[str]) -> bytes:
    # In the order of the digests the classes are mixed, and always in the same way: a trainer
    # that takes its batches in order must not see one class after the other.
    mixed = sorted(samples, key=lambda sample: (sample.content, sample.name))
    return "".join(
        f"{index}\t{sample.label}\t{_path(sample, classes)}\n" for index, sample in enumerate(mixed)
    ).encode()


def _manifest(samples: Iterable[Sample], classes: Sequence[str], prefix: str) -> bytes:
    rows = [{"prefix": prefix}, *(_path(sample, classes) for sample in samples)]
    return json.dumps(rows, ensure_ascii=False).encode()
