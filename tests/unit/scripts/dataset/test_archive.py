import io
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.dataset import archive as module
from scripts.dataset.archive import read_cifar_python
from scripts.dataset.model import quiet
from scripts.dataset.pictures import decode
from scripts.errors import UserError

Files = dict[str, bytes]
CLASSES = ("bicycle", "motorcycle")
NAMES = [b"apple", b"bicycle", b"motorcycle"]


@pytest.fixture
def cifar(python2_pickle: Any, pixel_rows: Any, cifar_row: Any) -> Callable[..., Files]:
    """A CIFAR-100 of six pictures: apple, bicycle and motorcycle, in train and in test."""

    def batch(part: bytes, start: int, **array: Any) -> bytes:
        rows = [cifar_row(start + index)[0] for index in range(3)]
        return python2_pickle(
            {
                b"filenames": [part + b"_%d.png" % index for index in range(3)],
                b"batch_label": part,
                b"fine_labels": [2, 0, 1],
                b"coarse_labels": [0, 0, 0],
                b"data": pixel_rows(rows, **array),
            }
        )

    def make(**array: Any) -> Files:
        return {
            "meta": python2_pickle({b"fine_label_names": NAMES, b"coarse_label_names": [b"x"]}),
            "train": batch(b"train", 0, **array),
            "test": batch(b"test", 10, **array),
        }

    return make


def packed(path: Path, files: Files, folder: str = "cifar-100-python") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def unpacked(path: Path, files: Files) -> Path:
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)
    return path


def test_the_archive_gives_names_labels_and_pixels(
    tmp_path: Path, cifar: Any, cifar_row: Any
) -> None:
    train, test = read_cifar_python(packed(tmp_path / "c.tar.gz", cifar()), CLASSES, quiet)
    assert [(sample.name, sample.label) for sample in train] == [
        ("train_0.png", 1),
        ("train_2.png", 0),
    ]
    assert [sample.name for sample in test] == ["test_0.png", "test_2.png"]
    assert decode(train[1].data).tobytes() == cifar_row(2)[1]
    assert decode(test[0].data).tobytes() == cifar_row(10)[1]


def test_the_unpacked_folder_gives_the_same_as_the_archive(tmp_path: Path, cifar: Any) -> None:
    from_archive = read_cifar_python(packed(tmp_path / "c.tar.gz", cifar()), CLASSES, quiet)
    from_folder = read_cifar_python(unpacked(tmp_path / "c", cifar()), CLASSES, quiet)
    assert from_folder == from_archive


def test_an_array_stored_by_columns_gives_the_same_pictures(tmp_path: Path, cifar: Any) -> None:
    by_rows = read_cifar_python(unpacked(tmp_path / "rows", cifar()), CLASSES, quiet)
    columns = unpacked(tmp_path / "columns", cifar(column_major=True))
    assert read_cifar_python(columns, CLASSES, quiet) == by_rows


def test_an_archive_that_python_3_pickled_is_read(
    tmp_path: Path, cifar: Any, cifar_row: Any
) -> None:
    import numpy as np

    files = cifar()
    for part in ("train", "test"):
        rows = np.frombuffer(cifar_row(1)[0] + cifar_row(2)[0], dtype="u1").reshape(2, 3072)
        names = {"filenames": [f"{part}_a.png", f"{part}_b.png"], "fine_labels": [1, 2]}
        files[part] = pickle.dumps({**names, "data": rows}, protocol=4)
    train, _ = read_cifar_python(unpacked(tmp_path / "c", files), CLASSES, quiet)
    assert decode(train[0].data).tobytes() == cifar_row(1)[1]


RUN_ELSEWHERE = [
    b"cos\nsystem\n(U\x0etouch executedtR.",
    b"cposix\nsystem\n(U\x0etouch executedtR.",
    b"c__builtin__\neval\n(U\x1dopen('executed', 'w').close()tR.",
    b"cbuiltins\nexec\n(U\x1dopen('executed', 'w').close()tR.",
]
ASK_FOR_MORE = [
    b"cnumpy\nload\n(U\x08executedtR.",
    b"cbuiltins\ngetattr\n.",
    b"cscripts.dataset.archive\n_Unpickler\n.",
    b"(U\x0etouch executedios\nsystem\n.",
]


@pytest.mark.parametrize("wanted", RUN_ELSEWHERE + ASK_FOR_MORE)
@pytest.mark.parametrize("part", ["meta", "train", "test"])
def test_a_pickle_that_asks_for_code_is_refused_and_not_run(
    tmp_path: Path, cifar: Any, wanted: bytes, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    files = cifar() | {part: b"\x80\x02" + wanted}
    with pytest.raises(UserError, match=r"is not read: it asks for .*, which no picture needs"):
        read_cifar_python(packed(tmp_path / "c.tar.gz", files), CLASSES, quiet)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("wanted", RUN_ELSEWHERE)
def test_those_pickles_do_run_where_nothing_restricts_them(
    tmp_path: Path, wanted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pickle.loads(b"\x80\x02" + wanted)
    assert (tmp_path / "executed").exists()


def test_a_pickle_cannot_change_the_stand_ins_for_the_next_one(tmp_path: Path, cifar: Any) -> None:
    attack = b"\x80\x02cnumpy\nndarray\n}U\x03rowU\x01xsb."
    with pytest.raises(UserError, match=r"train in .* is not read"):
        read_cifar_python(unpacked(tmp_path / "bad", cifar() | {"train": attack}), CLASSES, quiet)
    train, _ = read_cifar_python(unpacked(tmp_path / "good", cifar()), CLASSES, quiet)
    assert len(train) == 2


@pytest.mark.parametrize("dtype", [b"O8", b"f8", b"i1"])
def test_an_array_of_anything_but_bytes_is_refused(
    tmp_path: Path, cifar: Any, dtype: bytes
) -> None:
    with pytest.raises(UserError, match="its pictures are not 8-bit numbers"):
        read_cifar_python(unpacked(tmp_path / "c", cifar(dtype=dtype)), CLASSES, quiet)


@pytest.mark.parametrize("data", [b"", b"\x80\x02", b"\x80\x02}.x", b"not a pickle", b"\x80\x02N."])
def test_a_damaged_pickle_is_named(tmp_path: Path, cifar: Any, data: bytes) -> None:
    with pytest.raises(UserError, match=r"meta in .*c|it is not CIFAR-100's"):
        read_cifar_python(unpacked(tmp_path / "c", cifar() | {"meta": data}), CLASSES, quiet)


@pytest.mark.parametrize("key", [b"filenames", b"fine_labels", b"data"])
def test_a_batch_that_lacks_a_column_is_refused(
    tmp_path: Path, cifar: Any, python2_pickle: Any, pixel_rows: Any, cifar_row: Any, key: bytes
) -> None:
    batch = {b"filenames": [b"a.png"], b"fine_labels": [1], b"data": pixel_rows([cifar_row(1)[0]])}
    del batch[key]
    files = cifar() | {"test": python2_pickle(batch)}
    with pytest.raises(UserError, match=r"test in .*"):
        read_cifar_python(unpacked(tmp_path / "c", files), CLASSES, quiet)


def test_names_labels_and_pictures_must_be_as_many(
    tmp_path: Path, cifar: Any, python2_pickle: Any, pixel_rows: Any, cifar_row: Any
) -> None:
    batch = {
        b"filenames": [b"a.png"],
        b"fine_labels": [1, 2],
        b"data": pixel_rows([cifar_row(1)[0]]),
    }
    files = cifar() | {"train": python2_pickle(batch)}
    with pytest.raises(UserError, match="do not match"):
        read_cifar_python(unpacked(tmp_path / "c", files), CLASSES, quiet)


def test_a_picture_name_that_is_a_path_is_refused(
    tmp_path: Path, cifar: Any, python2_pickle: Any, pixel_rows: Any, cifar_row: Any
) -> None:
    batch = {
        b"filenames": [b"../up.png"],
        b"fine_labels": [1],
        b"data": pixel_rows([cifar_row(1)[0]]),
    }
    files = cifar() | {"train": python2_pickle(batch)}
    with pytest.raises(UserError, match=r"'\.\./up\.png' holds a folder"):
        read_cifar_python(unpacked(tmp_path / "c", files), CLASSES, quiet)


def test_a_class_that_cifar_does_not_have_is_unknown(tmp_path: Path, cifar: Any) -> None:
    with pytest.raises(UserError, match="has no class 'motorbike', but motorcycle"):
        read_cifar_python(unpacked(tmp_path / "c", cifar()), ("bicycle", "motorbike"), quiet)


def test_nothing_of_the_archive_reaches_the_disk(tmp_path: Path, cifar: Any) -> None:
    path = packed(tmp_path / "c.tar.gz", cifar() | {"../../escaped": b"x"})
    before = sorted(tmp_path.parent.rglob("*"))
    read_cifar_python(path, CLASSES, quiet)
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_links_in_the_archive_are_not_followed(tmp_path: Path, cifar: Any) -> None:
    path = tmp_path / "c.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("cifar-100-python/meta")
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(UserError, match="lacks meta"):
        read_cifar_python(path, CLASSES, quiet)


def test_an_archive_without_cifar_in_it_is_refused(tmp_path: Path, cifar: Any) -> None:
    path = packed(tmp_path / "c.tar.gz", cifar(), folder="cifar-10-batches-py")
    with pytest.raises(UserError, match="lacks meta: it is not CIFAR-100's python version"):
        read_cifar_python(path, CLASSES, quiet)


@pytest.mark.parametrize("keep", [0, 10, 100, 300])
def test_an_archive_that_was_cut_off_is_refused(tmp_path: Path, cifar: Any, keep: int) -> None:
    path = packed(tmp_path / "c.tar.gz", cifar())
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match="download"):
        read_cifar_python(path, CLASSES, quiet)


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, cifar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_ARCHIVE_BYTES", 20_000)
    path = packed(tmp_path / "c.tar.gz", {"padding": bytes(100_000)} | cifar())
    with pytest.raises(UserError, match="has more than 20,000 bytes"):
        read_cifar_python(path, CLASSES, quiet)


def test_an_unpacked_file_that_is_too_large_is_refused(
    tmp_path: Path, cifar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MAX_FILE_BYTES", 1000)
    with pytest.raises(UserError, match=r"train in .* has more than 1,000 bytes"):
        read_cifar_python(unpacked(tmp_path / "c", cifar()), CLASSES, quiet)


def test_an_unpacked_folder_whose_file_links_elsewhere_is_refused(
    tmp_path: Path, cifar: Any
) -> None:
    folder = unpacked(tmp_path / "c", cifar())
    (folder / "train").rename(tmp_path / "train")
    (folder / "train").symlink_to(tmp_path / "train")
    with pytest.raises(UserError, match="train leads out of"):
        read_cifar_python(folder, CLASSES, quiet)
