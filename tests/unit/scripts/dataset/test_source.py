import hashlib
from pathlib import Path
from typing import Any

import pytest

from scripts.dataset.cifar100 import Digests, Published
from scripts.dataset.download import RemoteFile
from scripts.dataset.pictures import decode, decoded_digest, unnamed_digest
from scripts.dataset.source import load
from scripts.dataset.split import make_splits
from scripts.errors import UserError

CLASSES = ["bicycle", "motorcycle"]


@pytest.fixture
def archive(tmp_path: Path, python2_pickle: Any, pixel_rows: Any, cifar_row: Any) -> Path:
    """CIFAR-100's python archive, unpacked: ten bicycles and ten motorcycles, all in all."""
    folder = tmp_path / "root" / "cifar-100-python"
    folder.mkdir(parents=True)
    names = [b"apple", b"bicycle", b"motorcycle"]
    (folder / "meta").write_bytes(python2_pickle({b"fine_label_names": names}))
    for part, start, count in (("train", 0, 16), ("test", 100, 4)):
        batch = {
            b"filenames": [b"%s_%02d.png" % (part.encode(), index) for index in range(count)],
            b"fine_labels": [1 + index % 2 for index in range(count)],
            b"data": pixel_rows([cifar_row(start + index)[0] for index in range(count)]),
        }
        (folder / part).write_bytes(python2_pickle(batch))
    return folder


@pytest.fixture
def parquet(tmp_path: Path, cifar_row: Any) -> Path:
    """The same pictures as in `archive`, as parquet files."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from PIL import Image

    folder = tmp_path / "parquet" / "cifar100"
    folder.mkdir(parents=True)
    for part, start, count in (("train", 0, 16), ("test", 100, 4)):
        pictures = []
        for index in range(count):
            path = tmp_path / "picture.png"
            Image.frombytes("RGB", (32, 32), cifar_row(start + index)[1]).save(path)
            pictures.append({"bytes": path.read_bytes(), "path": None})
        image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        labels = [(8, 48)[index % 2] for index in range(count)]
        table = pa.table({"img": pa.array(pictures, type=image), "fine_label": labels})
        pq.write_table(table, folder / f"{part}-00000-of-00001.parquet")
    return folder


def test_a_folder_of_class_folders_is_recognised(folders: Any, tmp_path: Path) -> None:
    root = folders({f"{part}/{name}": 2 for part in ("train", "test") for name in CLASSES})
    dataset = load(root, CLASSES, tmp_path)
    assert dataset.classes == ("bicycle", "motorcycle")
    assert (len(dataset.train), len(dataset.test)) == (4, 4)
    assert dataset.source == "a folder of class folders"


def test_a_folder_without_a_test_part_has_one_held_out(folders: Any, tmp_path: Path) -> None:
    dataset = load(folders({"bicycle": 10, "motorcycle": 10}), CLASSES, tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    assert dataset.source == "a folder of class folders, test part held out"


def test_a_folder_with_lst_files_is_recognised(folders: Any, tmp_path: Path) -> None:
    root = folders({"train": 2, "test": 2})
    for part in ("train", "test"):
        (root / f"{part}.lst").write_text("0\t0\t0000.png\n1\t1\t0001.png\n")
    dataset = load(root, CLASSES, tmp_path)
    assert [sample.label for sample in dataset.test] == [0, 1]
    assert dataset.source == "a folder with .lst files"


@pytest.mark.parametrize("above", [0, 1])
def test_an_unpacked_archive_is_recognised_by_its_folder_or_the_one_above(
    archive: Path, tmp_path: Path, above: int
) -> None:
    dataset = load((archive, archive.parent)[above], CLASSES, tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    assert dataset.source == "CIFAR-100's python archive"


@pytest.mark.parametrize("above", [0, 1])
def test_parquet_files_are_recognised_by_their_folder_or_the_one_above(
    parquet: Path, tmp_path: Path, above: int
) -> None:
    dataset = load((parquet, parquet.parent)[above], CLASSES, tmp_path)
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    assert dataset.source == "CIFAR-100's parquet files"


def test_archive_and_parquet_give_the_same_pictures_and_the_same_parts(
    archive: Path, parquet: Path, tmp_path: Path
) -> None:
    first = make_splits(load(archive, CLASSES, tmp_path))
    second = make_splits(load(parquet, CLASSES, tmp_path))
    for part in ("train", "validation", "test"):
        assert {sample.data for sample in first.parts()[part]} == {
            sample.data for sample in second.parts()[part]
        }


def test_the_source_is_described_without_a_path(folders: Any, tmp_path: Path) -> None:
    dataset = load(folders({"bicycle": 5, "motorcycle": 5}), CLASSES, tmp_path)
    assert str(tmp_path) not in dataset.source


def test_without_a_source_dataset_dir_is_read(
    folders: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASET_DIR", str(folders({"bicycle": 5, "motorcycle": 5})))
    assert len(load(None, CLASSES, tmp_path).train) == 8


def test_a_source_comes_before_dataset_dir(
    folders: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASET_DIR", str(tmp_path / "other"))
    assert len(load(folders({"bicycle": 5, "motorcycle": 5}), CLASSES, tmp_path).train) == 8


def test_a_source_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no .*gone: give --source or DATASET_DIR"):
        load(tmp_path / "gone", CLASSES, tmp_path)


def test_a_file_that_is_no_archive_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "pictures.zip").touch()
    with pytest.raises(UserError, match=r"pictures\.zip is no cifar-100-python\.tar\.gz"):
        load(tmp_path / "pictures.zip", CLASSES, tmp_path)


def test_an_empty_folder_says_that_its_classes_are_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no class 'bicycle'"):
        load(tmp_path, CLASSES, tmp_path)


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_picture_that_does_not_decode_is_refused_in_either_part(
    folders: Any, tmp_path: Path, part: str
) -> None:
    root = folders({f"{name}/{label}": 2 for name in ("train", "test") for label in CLASSES})
    (root / part / "motorcycle" / "0000.png").write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"1 of 8 pictures cannot be used: motorcycle/0000\.png"):
        load(root, CLASSES, tmp_path)


@pytest.mark.parametrize("layout", ["", "train/"])
def test_a_picture_that_does_not_decode_is_refused_before_anything_is_divided(
    folders: Any, tmp_path: Path, layout: str
) -> None:
    root = folders({f"{layout}bicycle": 3, f"{layout}motorcycle": 3})
    (root / f"{layout}bicycle" / "0001.png").write_bytes(b"")
    with pytest.raises(
        UserError, match=r"1 of 6 pictures cannot be used: bicycle/0001\.png is empty"
    ):
        load(root, CLASSES, tmp_path)


def test_a_class_folder_without_pictures_is_named(folders: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no picture of motorcycle in train"):
        load(folders({"bicycle": 3, "motorcycle": 0}), CLASSES, tmp_path)


@pytest.fixture
def published(
    file_server: Any, archive: Path, parquet: Path, tmp_path: Path, request: Any
) -> Published:
    """A server that has the archive, and answers 404 once: for the parquet copy."""
    import tarfile

    packed = tmp_path / "packed.tar.gz"
    with tarfile.open(packed, "w:gz") as file:
        file.add(archive, arcname="cifar-100-python")
    file_server.body = packed.read_bytes()
    file_server.faults = [404]
    sha256 = hashlib.sha256(file_server.body).hexdigest()
    remote = RemoteFile(file_server.url, "cifar-100-python.tar.gz", len(file_server.body), sha256)
    real = load(archive, CLASSES, tmp_path)
    digests = {
        part: Digests(named=decoded_digest(samples), unnamed=unnamed_digest(samples))
        for part, samples in (("train", real.train), ("test", real.test))
    }
    return Published((remote,), remote, digests)


def test_without_any_source_cifar_is_downloaded_and_checked(
    published: Published, tmp_path: Path, cifar_row: Any
) -> None:
    dataset = load(None, CLASSES, tmp_path / "cache", published=published)
    assert (len(dataset.train), len(dataset.test)) == (16, 4)
    assert decode(dataset.train[0].data).tobytes() == cifar_row(0)[1]
    assert dataset.source == "CIFAR-100's python archive, from 127.0.0.1"


def test_a_download_with_other_pictures_is_refused(published: Published, tmp_path: Path) -> None:
    wrong = Published(
        published.parquet, published.archive, published.digests | {"test": Digests("0", "0")}
    )
    with pytest.raises(UserError, match=r"the test pictures .* are not those of CIFAR-100"):
        load(None, CLASSES, tmp_path / "cache", published=wrong)


def test_an_empty_dataset_dir_counts_as_none(
    published: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASET_DIR", "")
    assert "127.0.0.1" in load(None, CLASSES, tmp_path / "cache", published=published).source


def test_too_few_classes_are_refused_before_anything_is_downloaded(
    published: Published, tmp_path: Path, file_server: Any
) -> None:
    with pytest.raises(UserError, match="at least 2 classes"):
        load(None, ["bicycle"], tmp_path / "cache", published=published)
    assert file_server.requests == []
