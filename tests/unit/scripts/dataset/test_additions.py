"""What is added goes to train and validation; test, and what was there, stay."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from scripts.dataset import read_staged, stage
from scripts.dataset.additions import Additions, extend, read_additions
from scripts.dataset.layout import splits_digest
from scripts.dataset.model import Sample, Splits
from scripts.errors import UserError

Samples = Callable[..., list[Sample]]
Picture = Callable[..., bytes]
Folders = Callable[..., Path]
CLASSES = ("bicycle", "motorcycle")


@pytest.fixture
def splits(samples: Samples) -> Splits:
    def part(count: int, start: int) -> tuple[Sample, ...]:
        return (*samples(count, start=start), *samples(count, label=1, start=start))

    return Splits(part(10, 0), part(3, 20), part(4, 30), ("bicycle/leak.png",), 0, "a folder")


@pytest.fixture
def new(samples: Samples) -> list[Sample]:
    """Pictures of both classes that no part has."""
    return [*samples(40, start=100), *samples(40, label=1, start=100)]


def contents(samples: tuple[Sample, ...]) -> set[str]:
    return {sample.content for sample in samples}


def refusal(splits: Splits, added: list[Sample]) -> str:
    with pytest.raises(UserError) as caught:
        extend(splits, CLASSES, added)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Where pictures go


def test_new_pictures_are_divided_into_train_and_validation(
    splits: Splits, new: list[Sample]
) -> None:
    extended, additions = extend(splits, CLASSES, new)
    assert additions.train + additions.validation == 80
    assert 4 <= additions.validation <= 21  # 3 standard deviations around 12
    assert len(extended.train) == 20 + additions.train
    assert len(extended.validation) == 6 + additions.validation
    everything = contents(extended.train) | contents(extended.validation)
    assert {sample.content for sample in new} <= everything
    assert not contents(extended.train) & contents(extended.validation)


def test_the_fraction_is_what_falls_to_validation(splits: Splits, new: list[Sample]) -> None:
    _, additions = extend(splits, CLASSES, new, fraction=0.5)
    assert 27 <= additions.validation <= 53  # 3 standard deviations around 40


def test_nothing_that_was_there_moves(splits: Splits, new: list[Sample]) -> None:
    extended, _ = extend(splits, CLASSES, new)
    assert extended.test == splits.test
    assert set(splits.train) <= set(extended.train)
    assert set(splits.validation) <= set(extended.validation)
    assert (extended.seed, extended.dropped) == (splits.seed, splits.dropped)


def test_parts_stay_in_the_order_of_label_and_name(splits: Splits, new: list[Sample]) -> None:
    extended, _ = extend(splits, CLASSES, new)
    for part in (extended.train, extended.validation):
        keys = [(sample.label, sample.name) for sample in part]
        assert keys == sorted(keys)


def test_adding_the_same_again_changes_nothing(splits: Splits, new: list[Sample]) -> None:
    once, _ = extend(splits, CLASSES, new)
    twice, additions = extend(once, CLASSES, new)
    assert twice == once
    assert splits_digest(twice, CLASSES) == splits_digest(once, CLASSES)
    assert additions == Additions(0, 0, known=80, repeated=0, in_test=(), renamed=0)


def test_adding_in_one_go_or_in_several_in_any_order_divides_alike(
    splits: Splits, new: list[Sample]
) -> None:
    at_once, _ = extend(splits, CLASSES, new)
    step_by_step = splits
    shuffled = Random(1).sample(new, len(new))
    for start in range(0, len(shuffled), 7):
        step_by_step, _ = extend(step_by_step, CLASSES, shuffled[start : start + 7])
    assert step_by_step == at_once


def test_the_order_in_which_pictures_come_does_not_matter(
    splits: Splits, samples: Samples, picture: Picture
) -> None:
    new = [
        *samples(5, start=100),
        *(Sample(name, 0, picture(500)) for name in ("a.png", "b.png", "c.png")),
        *(Sample("same.png", 0, picture(seed)) for seed in range(600, 604)),
    ]
    assert extend(splits, CLASSES, new[::-1]) == extend(splits, CLASSES, new)


def test_another_seed_of_the_data_set_divides_otherwise(splits: Splits, new: list[Sample]) -> None:
    one, _ = extend(splits, CLASSES, new, fraction=0.5)
    other, _ = extend(replace(splits, seed=1), CLASSES, new, fraction=0.5)
    assert contents(one.validation) != contents(other.validation)


def test_the_source_says_once_that_there_were_additions(splits: Splits, new: list[Sample]) -> None:
    once, _ = extend(splits, CLASSES, new[:40])
    twice, _ = extend(once, CLASSES, new[40:])
    assert once.source == twice.source == "a folder, with additions"


def test_nothing_to_add_leaves_the_data_set_as_it_is(splits: Splits) -> None:
    extended, additions = extend(splits, CLASSES, [])
    assert extended == splits
    assert additions.in_words() == "no picture added; there was none to add"


def test_a_class_without_new_pictures_keeps_what_it_has(splits: Splits, samples: Samples) -> None:
    extended, additions = extend(splits, CLASSES, samples(9, label=1, start=100))
    assert additions.added == 9
    assert sum(sample.label == 0 for sample in (*extended.train, *extended.validation)) == 13


# What is known already


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_known_picture_stays_where_it_is_under_whatever_name_and_encoding(
    splits: Splits, picture: Picture, part: str
) -> None:
    known = splits.parts()[part][0]
    renamed = replace(known, name="other.png")
    seed = int(known.name.removesuffix(".png"))
    encoded = Sample("other.webp", 0, picture(seed, side=8, mode="RGBA", kind="WEBP"))
    assert encoded.data != known.data
    extended, additions = extend(splits, CLASSES, [renamed, encoded])
    assert extended == splits
    assert additions.known == 2


def test_a_picture_of_test_is_left_out_and_named(splits: Splits, new: list[Sample]) -> None:
    leak = replace(splits.test[0], name="leak.png")
    extended, additions = extend(splits, CLASSES, [*new, leak])
    assert additions.in_test == ("bicycle/leak.png",)
    assert leak.content not in contents(extended.train) | contents(extended.validation)
    assert extended.test == splits.test


def test_a_picture_of_test_in_another_encoding_is_left_out_too(
    splits: Splits, picture: Picture
) -> None:
    leak = Sample("leak.webp", 0, picture(30, side=8, kind="WEBP"))
    extended, additions = extend(splits, CLASSES, [leak])
    assert extended == splits
    assert additions.in_test == ("bicycle/leak.webp",)


def test_copies_among_the_new_pictures_are_added_once(splits: Splits, picture: Picture) -> None:
    copies = [
        Sample("a.png", 0, picture(500)),
        Sample("b.png", 0, picture(500, mode="RGBA")),
        Sample("c.webp", 0, picture(500, kind="WEBP")),
    ]
    extended, additions = extend(splits, CLASSES, copies)
    assert (additions.added, additions.repeated) == (1, 2)
    assert len(extended.train) + len(extended.validation) == 27


# Contradictions and names


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_picture_that_is_known_under_another_class_is_refused_with_both_names(
    splits: Splits, part: str
) -> None:
    known = splits.parts()[part][0]
    message = refusal(splits, [replace(known, name="new.png", label=1)])
    assert "1 of the pictures to add are known under another class" in message
    assert f"(motorcycle/new.png = bicycle/{known.name} of {part})" in message


def test_a_picture_that_is_added_under_two_classes_is_refused_with_both_names(
    splits: Splits, new: list[Sample]
) -> None:
    message = refusal(splits, [new[0], replace(new[0], name="x.png", label=1)])
    assert "(motorcycle/x.png = bicycle/0100.png)" in message


def test_of_many_contradictions_the_first_few_are_named(splits: Splits) -> None:
    message = refusal(splits, [replace(sample, label=1) for sample in splits.train[:5]])
    assert message.startswith("5 of the pictures")
    assert "and 2 more)" in message


def test_a_new_picture_whose_name_is_taken_gets_one_of_its_own(
    splits: Splits, picture: Picture
) -> None:
    taken = [Sample(f"{number:04d}.png", 0, picture(500 + number)) for number in (0, 20, 30)]
    extended, additions = extend(splits, CLASSES, taken)
    assert additions.renamed == 3
    names = [(sample.label, sample.name) for part in extended.parts().values() for sample in part]
    assert len(set(names)) == len(names) == 37
    assert f"0000-{taken[0].content[:8]}.png" in [name for _, name in names]


def test_new_pictures_of_one_name_get_names_of_their_own(splits: Splits, picture: Picture) -> None:
    new = [Sample("new.png", 0, picture(500)), Sample("new.png", 0, picture(501))]
    extended, additions = extend(splits, CLASSES, new)
    assert (additions.added, additions.renamed) == (2, 1)
    names = [sample.name for sample in (*extended.train, *extended.validation) if not sample.label]
    assert len(set(names)) == len(names)


def test_renamed_pictures_are_known_when_they_are_added_again(
    splits: Splits, picture: Picture
) -> None:
    once, _ = extend(splits, CLASSES, [Sample("0000.png", 0, picture(500))])
    twice, additions = extend(once, CLASSES, [Sample("0000.png", 0, picture(500))])
    assert twice == once
    assert additions.known == 1


def test_a_name_that_is_taken_in_the_other_class_is_kept(splits: Splits, picture: Picture) -> None:
    only_bicycles = replace(splits, train=splits.train[:10], validation=splits.validation[:3])
    only_bicycles = replace(only_bicycles, test=splits.test[:4])
    _, additions = extend(only_bicycles, CLASSES, [Sample("0000.png", 1, picture(500))])
    assert (additions.added, additions.renamed) == (1, 0)


@pytest.mark.parametrize("name", ["ü" * 125 + ".png", "a." + "b" * 250, "x" * 255])
def test_a_distinct_name_is_no_longer_than_a_name_may_be(
    splits: Splits, picture: Picture, name: str
) -> None:
    first, _ = extend(splits, CLASSES, [Sample(name, 0, picture(500))])
    extended, additions = extend(first, CLASSES, [Sample(name, 0, picture(501))])
    assert additions.renamed == 1
    assert all(
        len(sample.name.encode()) <= 255 for sample in (*extended.train, *extended.validation)
    )


def test_a_picture_that_does_not_decode_is_named(splits: Splits) -> None:
    message = refusal(splits, [Sample("broken.png", 1, b"no picture")])
    assert "motorcycle/broken.png is no PNG, JPEG or WebP picture" in message


def test_extending_reports_its_progress(splits: Splits, new: list[Sample]) -> None:
    seen: list[tuple[str, int, int | None]] = []
    extend(splits, CLASSES, new, progress=lambda *step: seen.append(step))
    assert seen[-1] == ("checking pictures", 114, 114)


def test_what_became_of_the_pictures_is_told_in_one_line() -> None:
    assert Additions(10, 2, 3, 1, ("bicycle/a.png", "bicycle/b.png"), 4).in_words() == (
        "12 pictures added (10 to train, 2 to validation); 3 known already; "
        "1 given more than once; 4 renamed, as the name was taken; "
        "2 left out, as test has the same: bicycle/a.png, bicycle/b.png"
    )
    assert Additions(1, 0, 0, 0, (), 0).in_words() == (
        "1 picture added (1 to train, 0 to validation)"
    )
    assert Additions(0, 0, 5, 0, (), 0).in_words() == "no picture added; 5 known already"


# Reading them


def test_additions_are_read_from_the_class_folders_that_there_are(folders: Folders) -> None:
    added = read_additions(folders({"motorcycle": 3}), CLASSES)
    assert [(sample.label, sample.name) for sample in added] == [
        (1, "0000.png"), (1, "0001.png"), (1, "0002.png"),
    ]  # fmt: skip


def test_an_empty_folder_adds_nothing(tmp_path: Path, splits: Splits) -> None:
    assert read_additions(tmp_path, CLASSES) == ()


def test_additions_may_come_with_a_list(folders: Folders) -> None:
    root = folders({"pictures": 2})
    (root / "train.lst").write_text("0\t1\tpictures/0000.png\n1\t0\tpictures/0001.png\n")
    assert [sample.label for sample in read_additions(root, CLASSES)] == [1, 0]


def test_a_test_list_among_additions_is_refused(folders: Folders) -> None:
    root = folders({"pictures": 2})
    (root / "train.lst").write_text("0\t1\tpictures/0000.png\n")
    (root / "test.lst").write_text("0\t1\tpictures/0001.png\n")
    with pytest.raises(UserError, match="the test part stays what it is"):
        read_additions(root, CLASSES)


def test_a_folder_of_an_unknown_class_is_refused_with_the_known_ones(folders: Folders) -> None:
    with pytest.raises(UserError, match="has the folder tricycle, and the classes are bicycle, m"):
        read_additions(folders({"bicycle": 1, "tricycle": 1}), CLASSES)


def test_pictures_outside_the_class_folders_are_not_passed_over_in_silence(
    folders: Folders, picture: Picture
) -> None:
    root = folders({"bicycle": 1})
    (root / "new.png").write_bytes(picture(1))
    with pytest.raises(UserError, match=r"has new\.png outside the folders of classes"):
        read_additions(root, CLASSES)


def test_a_broken_picture_among_additions_is_named(folders: Folders) -> None:
    root = folders({"bicycle": 1})
    (root / "bicycle" / "broken.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"bicycle/broken\.png is no PNG"):
        read_additions(root, CLASSES)


def test_a_missing_folder_of_additions_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*gone: give --add a folder"):
        read_additions(tmp_path / "gone", CLASSES)


# From what is staged to what is staged next


def test_additions_to_a_staged_data_set_are_staged_beside_it(
    s3: object, splits: Splits, new: list[Sample]
) -> None:
    first = stage(splits, CLASSES, s3, "artifacts")
    classes, found = read_staged(s3, "artifacts", first.dataset_id)
    extended, _ = extend(found, classes, new)
    second = stage(extended, classes, s3, "artifacts")
    assert second.dataset_id != first.dataset_id
    assert read_staged(s3, "artifacts", second.dataset_id) == (CLASSES, extended)
    again, _ = extend(read_staged(s3, "artifacts", second.dataset_id)[1], classes, new)
    assert stage(again, classes, s3, "artifacts").dataset_id == second.dataset_id
    assert read_staged(s3, "artifacts", first.dataset_id) == (CLASSES, splits)
