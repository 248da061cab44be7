"""Find out what a source is, and read it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from scripts.dataset import cifar100
from scripts.dataset.archive import FILES, FOLDER, read_cifar_python
from scripts.dataset.folders import Parts, read_class_folders, read_lst_folder
from scripts.dataset.model import Dataset, Progress, quiet
from scripts.dataset.parquet import find_parquet_folder, read_cifar_parquet
from scripts.dataset.rules import check, check_classes
from scripts.dataset.split import hold_out_test
from scripts.errors import UserError

_ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".tar")


def load(
    source: Path | None,
    classes: Sequence[str],
    cache_dir: Path,
    progress: Progress = quiet,
    *,
    published: cifar100.Published = cifar100.CIFAR100,
) -> Dataset:
    """Read the pictures of `classes`, in label order, from `source`.

    Without a source, from the folder that DATASET_DIR names; without that, CIFAR-100 is
    downloaded into `cache_dir`. A source is a folder of class folders (with or without train/ and
    test/ above them), a folder with train.lst and test.lst, CIFAR-100's python archive (packed or
    not), or a folder with its parquet files. A source without a test part has one held out.

    Raises UserError when there is no such source, or it cannot be used as it is.
    """
    names = check_classes(classes)
    found = source or _from_environment()
    if found is not None:
        return _read(found, names, progress)
    copy, host = cifar100.fetch(cache_dir, progress, published)
    dataset = _read(copy, names, progress)
    # The parquet copy has lost the file names, the archive has them.
    cifar100.check_published(dataset, published.digests, named=copy.is_file())
    return replace(dataset, source=f"{dataset.source}, from {host}")


def _from_environment() -> Path | None:
    value = os.environ.get("DATASET_DIR", "")
    return Path(value) if value else None


def _read(path: Path, classes: tuple[str, ...], progress: Progress) -> Dataset:
    if not path.exists():
        raise UserError(
            f"there is no {path}: give --source or DATASET_DIR a folder that is there, or neither "
            "to download CIFAR-100"
        )
    (train, test), kind = _read_parts(path, classes, progress)
    if test is None:
        check({"train": train}, classes, progress)
        return Dataset(classes, *hold_out_test(train), f"{kind}, test part held out")
    check({"train": train, "test": test}, classes, progress)
    return Dataset(classes, tuple(train), tuple(test), kind)


def _read_parts(path: Path, classes: tuple[str, ...], progress: Progress) -> tuple[Parts, str]:
    if path.is_file():
        if path.name.endswith(_ARCHIVE_SUFFIXES):
            return read_cifar_python(path, classes, progress), "CIFAR-100's python archive"
        raise UserError(
            f"{path} is no {FOLDER}.tar.gz: give --source that archive, or a folder of pictures "
            "or parquet files"
        )
    if any(path.glob("*.lst")):
        return read_lst_folder(path, classes, progress), "a folder with .lst files"
    for folder in (path, path / FOLDER):
        if all((folder / name).is_file() for name in FILES):
            return read_cifar_python(folder, classes, progress), "CIFAR-100's python archive"
    parquet = find_parquet_folder(path)
    if parquet:
        return read_cifar_parquet(parquet, classes, progress), "CIFAR-100's parquet files"
    return read_class_folders(path, classes, progress), "a folder of class folders"
