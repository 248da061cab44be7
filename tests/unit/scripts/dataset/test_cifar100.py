import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from scripts.dataset import cifar100
from scripts.dataset.cifar100 import CIFAR100, Digests, Published, check_published
from scripts.dataset.download import RemoteFile
from scripts.dataset.model import Dataset, Sample, quiet
from scripts.dataset.pictures import decoded_digest, unnamed_digest
from scripts.errors import UserError


@pytest.fixture
def dataset(samples: Any) -> Dataset:
    train = (*samples(2), *samples(2, label=1, start=10))
    test = (*samples(1, start=5), *samples(1, label=1, start=15))
    return Dataset(("bicycle", "motorcycle"), train, test, "here")


@pytest.fixture
def digests(dataset: Dataset) -> dict[str, Digests]:
    parts = {"train": dataset.train, "test": dataset.test}
    return {
        name: Digests(named=decoded_digest(part), unnamed=unnamed_digest(part))
        for name, part in parts.items()
    }


def published(server: Any, body: bytes) -> Published:
    server.body = body
    sha256 = hashlib.sha256(body).hexdigest()

    def file(name: str) -> RemoteFile:
        return RemoteFile(f"{server.url}/{name}", name, len(body), sha256)

    parquet = (file("train-0.parquet"), file("test-0.parquet"))
    return Published(parquet, file("cifar-100-python.tar.gz"), {})


def test_the_published_files_are_pinned_and_fetched_over_tls() -> None:
    for file in (*CIFAR100.parquet, CIFAR100.archive):
        assert urlsplit(file.url).scheme == "https"
        assert len(file.sha256) == 64
        assert file.size_bytes > 20_000_000
    assert all("/resolve/main/" not in file.url for file in CIFAR100.parquet)


def test_the_parquet_copy_is_preferred(file_server: Any, tmp_path: Path) -> None:
    path, host = cifar100.fetch(tmp_path, quiet, published(file_server, b"data"))
    assert path == tmp_path / "cifar100-parquet"
    assert sorted(file.name for file in path.glob("*.parquet")) == [
        "test-0.parquet",
        "train-0.parquet",
    ]
    assert host == "127.0.0.1"


def test_the_archive_is_fetched_when_the_parquet_copy_is_not_to_be_had(
    file_server: Any, tmp_path: Path
) -> None:
    file_server.faults = [404]
    path, _ = cifar100.fetch(tmp_path, quiet, published(file_server, b"data"))
    assert path == tmp_path / "cifar-100-python.tar.gz"
    assert path.read_bytes() == b"data"


def test_when_nothing_can_be_had_both_reasons_are_given_in_one_line(
    file_server: Any, tmp_path: Path
) -> None:
    file_server.faults = [404, 403]
    with pytest.raises(UserError) as caught:
        cifar100.fetch(tmp_path, quiet, published(file_server, b"data"))
    message = str(caught.value)
    assert "train-0.parquet was refused with status 404" in message
    assert "cifar-100-python.tar.gz was refused with status 403" in message
    assert "give --source FOLDER or DATASET_DIR" in message
    assert "\n" not in message


def test_the_published_pictures_pass(dataset: Dataset, digests: Any) -> None:
    check_published(dataset, digests, named=True)


def test_other_names_pass_only_where_names_were_lost(dataset: Dataset, digests: Any) -> None:
    renamed = replace(
        dataset, train=tuple(replace(sample, name=f"r{sample.name}") for sample in dataset.train)
    )
    check_published(renamed, digests, named=False)
    with pytest.raises(UserError, match="the train pictures of bicycle and motorcycle"):
        check_published(renamed, digests, named=True)


def test_one_other_picture_is_noticed(dataset: Dataset, digests: Any, picture: Any) -> None:
    other = replace(dataset, test=(Sample("0005.png", 0, picture(99)), dataset.test[1]))
    with pytest.raises(UserError, match=r"the test pictures .* are not those of CIFAR-100"):
        check_published(other, digests, named=False)


def test_swapped_labels_are_noticed(dataset: Dataset, digests: Any) -> None:
    swapped = replace(dataset, classes=("motorcycle", "bicycle"))
    with pytest.raises(UserError, match="are not those of CIFAR-100"):
        check_published(swapped, digests, named=False)


def test_the_order_and_number_of_classes_do_not_matter(
    dataset: Dataset, digests: Any, samples: Any
) -> None:
    def relabel(part: tuple[Sample, ...]) -> tuple[Sample, ...]:
        worm = samples(1, label=1, start=70)
        return (*worm, *(replace(sample, label=2 - 2 * sample.label) for sample in part))

    three = Dataset(
        ("motorcycle", "worm", "bicycle"), relabel(dataset.train), relabel(dataset.test), "here"
    )
    check_published(three, digests, named=True)


def test_other_classes_are_not_looked_at(dataset: Dataset, digests: Any) -> None:
    check_published(replace(dataset, classes=("bicycle", "worm")), digests, named=True)
    with pytest.raises(UserError):
        check_published(replace(dataset, train=dataset.test), digests, named=True)
