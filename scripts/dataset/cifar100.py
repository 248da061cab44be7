"""CIFAR-100 as it is published: where it is, and what it must be.

Krizhevsky, 'Learning multiple layers of features from tiny images', 2009.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from scripts.dataset.download import RemoteFile, download
from scripts.dataset.model import Dataset, Progress, Sample
from scripts.dataset.pictures import decoded_digest, unnamed_digest
from scripts.errors import UserError

_REVISION = "aadb3af77e9048adbea6b47c21a81e47dd092ae5"
_PARQUET_URL = f"https://huggingface.co/datasets/uoft-cs/cifar100/resolve/{_REVISION}/cifar100"
CLASSES = ("bicycle", "motorcycle")


@dataclass(frozen=True)
class Digests:
    """SHA-256 (hex) of one part's bicycles and motorcycles, decoded.

    named:   with the file names, see pictures.decoded_digest
    unnamed: without them, see pictures.unnamed_digest; the parquet copy has no names
    """

    named: str
    unnamed: str


@dataclass(frozen=True)
class Published:
    """Where a copy of the data set can be had, in the order of preference."""

    parquet: tuple[RemoteFile, ...]
    archive: RemoteFile
    digests: Mapping[str, Digests]


CIFAR100 = Published(
    parquet=(
        RemoteFile(
            url=f"{_PARQUET_URL}/train-00000-of-00001.parquet",
            name="train-00000-of-00001.parquet",
            size_bytes=118_518_617,
            sha256="694865d6b990e234804f01268586c41e88bcbbb75e20858432c05ad4081aca23",
        ),
        RemoteFile(
            url=f"{_PARQUET_URL}/test-00000-of-00001.parquet",
            name="test-00000-of-00001.parquet",
            size_bytes=23_772_751,
            sha256="98776c529bb146a9c791229df74a5cf076be9b43d82dbbd334b6a7788d73dc68",
        ),
    ),
    archive=RemoteFile(
        url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        name="cifar-100-python.tar.gz",
        size_bytes=169_001_437,
        sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    ),
    digests={
        "train": Digests(
            named="13f2d13e4f3563b831ccd4d93d1318ea6ea73ba158319aa0a439785f7d1eddf4",
            unnamed="1d6a341feae9d1d59effe1528b645f3996b0f1356c94ce0a6c16eb728cca5bf6",
        ),
        "test": Digests(
            named="20a89caedcb207e700f56a5726d045c1166a371975f56d045f68c9f315ca3cb1",
            unnamed="4f838704871fbc3331708f94982abb1e5f8f6be50ce68a7c205a807cd16b5924",
        ),
    },
)


def fetch(cache_dir: Path, progress: Progress, published: Published) -> tuple[Path, str]:
    """Download the parquet copy, else the original archive, into `cache_dir`.

    Returns what can be read (a folder of parquet files, or the archive) and the host it came
    from. What is already there and whole is not fetched again. Raises UserError when neither can
    be had.
    """
    faults: list[str] = []
    folder = cache_dir / "cifar100-parquet"
    for place, files in ((folder, published.parquet), (cache_dir, (published.archive,))):
        host = urlsplit(files[0].url).hostname or ""
        try:
            paths = [download(file, place, progress) for file in files]
        except UserError as error:
            faults.append(str(error))
            continue
        return (place if place is folder else paths[0]), host
    raise UserError(
        f"CIFAR-100 could not be downloaded ({'; '.join(faults)}): mend the connection and run "
        "this again, or give --source FOLDER or DATASET_DIR"
    )


def check_published(dataset: Dataset, digests: Mapping[str, Digests], *, named: bool) -> None:
    """The bicycles and motorcycles in `dataset` are CIFAR-100's, picture by picture.

    With `named` their file names must be CIFAR-100's as well. Data sets without one of the two
    classes are not looked at. Raises UserError when a digest differs.
    """
    if not set(CLASSES) <= set(dataset.classes):
        return
    for part, samples in (("train", dataset.train), ("test", dataset.test)):
        two = _two_classes(samples, dataset.classes)
        expected = digests[part]
        if unnamed_digest(two) != expected.unnamed or (
            named and decoded_digest(two) != expected.named
        ):
            raise UserError(
                f"the {part} pictures of {' and '.join(CLASSES)} ({dataset.source}) are "
                "not those of CIFAR-100: delete the copy and download it again"
            )


def _two_classes(samples: tuple[Sample, ...], classes: tuple[str, ...]) -> list[Sample]:
    label = {classes.index(name): label for label, name in enumerate(CLASSES)}
    return [
        replace(sample, label=label[sample.label]) for sample in samples if sample.label in label
    ]
