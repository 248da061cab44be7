from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scripts.dataset.model import quiet
from scripts.dataset.parquet import FINE_LABELS, find_parquet_folder, read_cifar_parquet
from scripts.dataset.pictures import decode
from scripts.errors import UserError

CLASSES = ("bicycle", "motorcycle")
BICYCLE, MOTORCYCLE, APPLE = 8, 48, 0
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


@pytest.fixture
def write(tmp_path: Path, picture: Any) -> Any:
    """write(part, labels): a parquet file of that part, a picture for each label."""

    def make(
        part: str, labels: list[Any], *, rows: list[Any] | None = None, shard: int = 0
    ) -> Path:
        images = rows or [{"bytes": picture(seed), "path": None} for seed in range(len(labels))]
        table = pa.table(
            {
                "img": pa.array(images, type=IMAGE),
                "fine_label": pa.array(labels),
                "coarse_label": pa.array([0] * len(labels)),
            }
        )
        pq.write_table(table, tmp_path / f"{part}-{shard:05d}-of-00001.parquet")
        return tmp_path

    return make


def test_the_fine_labels_are_cifars() -> None:
    assert (len(FINE_LABELS), FINE_LABELS[BICYCLE], FINE_LABELS[MOTORCYCLE]) == (
        100,
        "bicycle",
        "motorcycle",
    )


def test_pictures_of_the_classes_are_read_and_named_after_their_rows(
    write: Any, picture: Any
) -> None:
    write("train", [MOTORCYCLE, APPLE, BICYCLE])
    train, test = read_cifar_parquet(write("test", [BICYCLE]), CLASSES, quiet)
    assert [(sample.name, sample.label) for sample in train] == [
        ("train-00000.png", 1),
        ("train-00002.png", 0),
    ]
    assert [sample.name for sample in test] == ["test-00000.png"]
    assert decode(train[1].data).tobytes() == decode(picture(2)).tobytes()


def test_rows_are_counted_across_batches_and_files(write: Any) -> None:
    write(
        "train",
        [APPLE] * 3000 + [BICYCLE],
        rows=[{"bytes": b"", "path": None}] * 3000 + [{"bytes": b"", "path": None}],
    )
    write("test", [BICYCLE])
    with pytest.raises(UserError, match="row 3000: the picture is empty"):
        read_cifar_parquet(write("train", [MOTORCYCLE], shard=1), CLASSES, quiet)


def test_a_second_file_of_a_part_continues_the_rows(write: Any) -> None:
    write("train", [BICYCLE, APPLE])
    write("train", [MOTORCYCLE], shard=1)
    train, _ = read_cifar_parquet(write("test", [BICYCLE]), CLASSES, quiet)
    assert [sample.name for sample in train] == ["train-00000.png", "train-00002.png"]


def test_a_path_in_the_file_becomes_the_name_without_its_folders(write: Any, picture: Any) -> None:
    rows = [{"bytes": picture(1), "path": "../../train/bike_s_000001.png"}]
    write("train", [BICYCLE], rows=rows)
    train, _ = read_cifar_parquet(write("test", [BICYCLE]), CLASSES, quiet)
    assert [sample.name for sample in train] == ["bike_s_000001.png"]


@pytest.mark.parametrize(
    ("labels", "rows", "reason"),
    [
        ([100], None, "has the fine_label 100"),
        ([-1], None, "has the fine_label -1"),
        ([BICYCLE, None], None, "has the fine_label None"),
        (["bicycle"], None, "no whole numbers in fine_label"),
        ([BICYCLE], [{"bytes": None, "path": None}], "row 0 has no picture in img.bytes"),
        ([BICYCLE], [None], "row 0 has no picture in img.bytes"),
        ([BICYCLE], [{"bytes": b"GIF89a", "path": None}], "row 0: the picture is no PNG"),
        ([BICYCLE], [{"bytes": "PICTURE", "path": "a\nb"}], "cannot be a picture's name"),
    ],
)
def test_a_bad_row_is_refused_with_its_file(
    write: Any, picture: Any, labels: list[Any], rows: list[Any] | None, reason: str
) -> None:
    for row in rows or []:
        if row and row["bytes"] == "PICTURE":
            row["bytes"] = picture(1)
    write("train", labels, rows=rows)
    with pytest.raises(UserError) as caught:
        read_cifar_parquet(write("test", [BICYCLE]), CLASSES, quiet)
    assert "train-00000-of-00001.parquet" in str(caught.value)
    assert reason in str(caught.value)


def test_a_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1]}), tmp_path / "train-0.parquet")
    with pytest.raises(UserError, match="has no column img"):
        read_cifar_parquet(tmp_path, CLASSES, quiet)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train-0.parquet").write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError, match=r"train-0\.parquet is no readable parquet file"):
        read_cifar_parquet(tmp_path, CLASSES, quiet)


def test_a_folder_without_test_files_is_refused(write: Any) -> None:
    with pytest.raises(UserError, match=r"has no test-\*\.parquet"):
        read_cifar_parquet(write("train", [BICYCLE]), CLASSES, quiet)


def test_a_file_that_links_out_of_the_folder_is_refused(write: Any, tmp_path: Path) -> None:
    write("train", [BICYCLE])
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "train-0.parquet").symlink_to(tmp_path / "train-00000-of-00001.parquet")
    with pytest.raises(UserError, match="leads out of"):
        read_cifar_parquet(folder, CLASSES, quiet)


def test_a_class_that_cifar_does_not_have_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="CIFAR-100 has no class 'scooter'"):
        read_cifar_parquet(tmp_path, ("bicycle", "scooter"), quiet)


def test_the_files_are_found_in_the_folder_or_in_its_subfolder(write: Any, tmp_path: Path) -> None:
    assert find_parquet_folder(tmp_path) is None
    sub = tmp_path / "cifar100"
    sub.mkdir()
    (sub / "train-0.parquet").touch()
    assert find_parquet_folder(tmp_path) == sub
    write("train", [BICYCLE])
    assert find_parquet_folder(tmp_path) == tmp_path
