from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.dataset import folders as module
from scripts.dataset.folders import read_class_folders, read_lst_folder, read_some_class_folders
from scripts.dataset.model import Sample, quiet
from scripts.errors import UserError

Folders = Callable[..., Path]
CLASSES = ("bicycle", "motorcycle")


def classes_of(samples: list[Sample] | None) -> list[tuple[int, str]]:
    return [(sample.label, sample.name) for sample in samples or []]


def test_class_folders_give_labels_in_the_order_of_the_classes(folders: Folders) -> None:
    root = folders({"bicycle": 1, "motorcycle": 2})
    train, test = read_class_folders(root, ("motorcycle", "bicycle"), quiet)
    assert classes_of(train) == [(0, "0000.png"), (0, "0001.png"), (1, "0000.png")]
    assert test is None
    assert train[0].data == (root / "motorcycle" / "0000.png").read_bytes()


def test_train_and_test_folders_are_kept_apart(folders: Folders) -> None:
    root = folders(
        {"train/bicycle": 2, "train/motorcycle": 1, "test/bicycle": 1, "test/motorcycle": 1}
    )
    train, test = read_class_folders(root, CLASSES, quiet)
    assert classes_of(train) == [(0, "0000.png"), (0, "0001.png"), (1, "0000.png")]
    assert classes_of(test) == [(0, "0000.png"), (1, "0000.png")]


def test_a_train_folder_without_a_test_folder_has_no_test_part(folders: Folders) -> None:
    assert (
        read_class_folders(folders({"train/bicycle": 1, "train/motorcycle": 1}), CLASSES, quiet)[1]
        is None
    )


def test_a_class_may_be_called_train(folders: Folders) -> None:
    train, test = read_class_folders(folders({"bus": 1, "train": 2}), ("bus", "train"), quiet)
    assert classes_of(train) == [(0, "0000.png"), (1, "0000.png"), (1, "0001.png")]
    assert test is None


def test_classes_that_were_not_asked_for_are_left_alone(folders: Folders) -> None:
    train, _ = read_class_folders(
        folders({"bicycle": 1, "motorcycle": 1, "worm": 9}), CLASSES, quiet
    )
    assert len(train) == 2


def test_a_class_without_a_folder_is_unknown(folders: Folders) -> None:
    with pytest.raises(UserError, match="has no class 'motorcycle', but motorbike"):
        read_class_folders(folders({"bicycle": 1, "motorbike": 1}), CLASSES, quiet)


def test_a_validation_folder_is_not_passed_over_in_silence(folders: Folders) -> None:
    root = folders({"train/bicycle": 1, "train/motorcycle": 1, "validation/bicycle": 1})
    with pytest.raises(UserError, match="has validation beside train"):
        read_class_folders(root, CLASSES, quiet)


def test_a_folder_within_a_class_folder_is_refused(folders: Folders) -> None:
    with pytest.raises(UserError, match="more is a folder within the folder of a class"):
        read_class_folders(folders({"bicycle/more": 1, "motorcycle": 1}), CLASSES, quiet)


def test_a_class_folder_that_links_elsewhere_is_refused(folders: Folders, tmp_path: Path) -> None:
    root = folders({"bicycle": 1})
    folders({"motorcycle": 1}, root=tmp_path / "elsewhere")
    (root / "motorcycle").symlink_to(tmp_path / "elsewhere" / "motorcycle")
    with pytest.raises(UserError, match="motorcycle leads out of"):
        read_class_folders(root, CLASSES, quiet)


def test_more_pictures_than_fit_in_memory_are_refused(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TOTAL_BYTES", 300)
    with pytest.raises(UserError, match="use fewer or smaller ones"):
        read_class_folders(folders({"bicycle": 3, "motorcycle": 1}), CLASSES, quiet)


def test_reading_reports_its_progress(folders: Folders) -> None:
    seen: list[tuple[str, int, int | None]] = []
    read_class_folders(
        folders({"bicycle": 1, "motorcycle": 1}), CLASSES, lambda *step: seen.append(step)
    )
    assert seen == [("reading pictures", 1, 2), ("reading pictures", 2, 2)]


def test_a_lst_file_gives_labels_and_paths(folders: Folders) -> None:
    root = folders({"train": 2, "test": 1, "more": 1})
    (root / "train.lst").write_text("5\t1\t0000.png\n7\t0\ttrain/0001.png\n9\t0\tmore/0000.png\n")
    (root / "test.lst").write_text("0\t1\t0000.png\n")
    train, test = read_lst_folder(root, CLASSES, quiet)
    assert classes_of(train) == [(1, "0000.png"), (0, "0001.png"), (0, "0000.png")]
    assert test is not None
    assert test[0].data == (root / "test" / "0000.png").read_bytes()


def test_a_lst_file_as_im2rec_writes_it_is_read(folders: Folders) -> None:
    root = folders({"train": 2})
    (root / "train.lst").write_bytes(b"0\t0.000000\t0000.png\r\n1\t1.000000\t0001.png\r\n\r\n")
    train, test = read_lst_folder(root, CLASSES, quiet)
    assert (classes_of(train), test) == ([(0, "0000.png"), (1, "0001.png")], None)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0 0 0000.png", "expected index, label and path separated by tabs"),
        ("0\t0\t0\t0000.png", "expected index, label and path separated by tabs"),
        ("0\t2\t0000.png", "the label '2' is not one of 0 to 1"),
        ("0\t-1\t0000.png", "the label '-1' is not"),
        ("0\t0.5\t0000.png", "the label '0.5' is not"),
        ("0\tnan\t0000.png", "the label 'nan' is not"),
        ("0\tbicycle\t0000.png", "the label 'bicycle' is not"),
        ("0\t0\t../secret.png", "leads out of"),
        ("0\t0\t/etc/passwd", "leads out of"),
        ("0\t0\t", "leads out of"),
        ("0\t0\tgone.png", "there is no 'gone.png'"),
        ("0\t0\ta\0b.png", "cannot be a picture's name"),
        ("0\t0\ta\0/b.png", "there is no 'a\\x00/b.png'"),
    ],
)
def test_a_bad_line_of_a_lst_file_is_named_by_its_number(
    folders: Folders, line: str, reason: str
) -> None:
    root = folders({"train": 2})
    (root.parent / "secret.png").write_bytes(b"secret")
    (root / "train.lst").write_text(f"1\t1\t0001.png\n{line}\n")
    with pytest.raises(UserError) as caught:
        read_lst_folder(root, CLASSES, quiet)
    assert "train.lst line 2" in str(caught.value)
    assert reason in str(caught.value)


def test_a_picture_named_twice_by_a_lst_file_is_refused(folders: Folders) -> None:
    root = folders({"train": 1})
    (root / "train.lst").write_text("0\t0\t0000.png\n1\t1\ttrain/0000.png\n")
    with pytest.raises(UserError, match=r"line 2 names train/0000\.png, as line 1 does"):
        read_lst_folder(root, CLASSES, quiet)


def test_a_lst_file_that_names_a_link_out_of_the_folder_is_refused(folders: Folders) -> None:
    root = folders({"train": 1})
    (root.parent / "secret.png").write_bytes(b"secret")
    (root / "train" / "a.png").symlink_to(root.parent / "secret.png")
    (root / "train.lst").write_text("0\t0\ta.png\n")
    with pytest.raises(UserError, match=r"a\.png leads out of"):
        read_lst_folder(root, CLASSES, quiet)


@pytest.mark.parametrize("name", ["validation.lst", "test.lst"])
def test_lst_files_that_would_not_be_used_are_refused(folders: Folders, name: str) -> None:
    root = folders({"train": 1})
    (root / name).write_text("0\t0\t0000.png\n")
    with pytest.raises(UserError, match=r"only train\.lst and test\.lst are read"):
        read_lst_folder(root, CLASSES, quiet)


def test_a_lst_file_that_is_no_text_is_refused(folders: Folders) -> None:
    root = folders({"train": 1})
    (root / "train.lst").write_bytes(b"\xff\xfe0\t0\t")
    with pytest.raises(UserError, match=r"train\.lst is not UTF-8 text"):
        read_lst_folder(root, CLASSES, quiet)


def test_of_some_class_folders_each_is_read_with_its_label(folders: Folders) -> None:
    found = read_some_class_folders(folders({"motorcycle": 2}), CLASSES, quiet)
    assert classes_of(found) == [(1, "0000.png"), (1, "0001.png")]


def test_hidden_files_beside_some_class_folders_are_passed_over(folders: Folders) -> None:
    root = folders({"bicycle": 1})
    (root / ".DS_Store").write_bytes(b"x")
    assert len(read_some_class_folders(root, CLASSES, quiet)) == 1


def test_a_link_out_of_some_class_folders_is_refused(folders: Folders, tmp_path: Path) -> None:
    root = folders({"bicycle": 1})
    (tmp_path / "secret.png").write_bytes(b"x")
    (root / "bicycle" / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match="leads out of"):
        read_some_class_folders(root, CLASSES, quiet)
