from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from scripts.dataset.model import Dataset, Sample
from scripts.dataset.split import (
    falls_to_validation,
    hold_out_test,
    make_splits,
    split_validation,
)
from scripts.errors import UserError

Samples = Callable[..., list[Sample]]


def contents(samples: tuple[Sample, ...]) -> set[str]:
    return {sample.content for sample in samples}


def test_validation_takes_its_fraction_of_each_class(samples: Samples) -> None:
    train, validation = split_validation([*samples(100), *samples(20, label=1)], 0.15, seed=0)
    assert Counter(sample.label for sample in validation) == {0: 15, 1: 3}
    assert Counter(sample.label for sample in train) == {0: 85, 1: 17}
    assert not contents(train) & contents(validation)


def test_the_same_seed_draws_the_same_pictures_in_whatever_order_they_come(
    samples: Samples,
) -> None:
    pictures = [*samples(30), *samples(30, label=1)]
    shuffled = Random(1).sample(pictures, len(pictures))
    assert split_validation(shuffled, 0.2, seed=3) == split_validation(pictures, 0.2, seed=3)


def test_another_seed_draws_other_pictures(samples: Samples) -> None:
    pictures = [*samples(30), *samples(30, label=1)]
    drawn = {frozenset(contents(split_validation(pictures, 0.2, seed)[1])) for seed in range(3)}
    assert len(drawn) == 3


def test_the_draw_depends_on_the_pictures_and_not_on_their_names(samples: Samples) -> None:
    pictures = samples(30)
    renamed = [
        replace(sample, name=f"z{index % 7}-{sample.name}") for index, sample in enumerate(pictures)
    ]
    assert contents(split_validation(renamed, 0.2)[1]) == contents(
        split_validation(pictures, 0.2)[1]
    )


@pytest.mark.parametrize("seed", range(8))
def test_copies_of_a_picture_stay_on_one_side(
    samples: Samples, picture: Callable[..., bytes], seed: int
) -> None:
    plain = [Sample(f"{index}.png", 0, picture(index)) for index in range(10)]
    copies = [Sample(f"{index}-copy.png", 0, picture(index, mode="RGBA")) for index in range(10)]
    train, validation = split_validation([*plain, *copies], 0.3, seed)
    assert len(validation) == 6
    assert not contents(train) & contents(validation)


def test_a_picture_with_more_copies_than_its_share_is_drawn_rather_than_none(
    picture: Callable[..., bytes],
) -> None:
    copies = [Sample(f"{index}.png", 0, picture(index // 5)) for index in range(10)]
    train, validation = split_validation(copies, 0.1)
    assert (len(train), len(validation)) == (5, 5)


@pytest.mark.parametrize(
    ("count", "fraction", "expected"), [(2, 0.01, 1), (2, 0.99, 1), (3, 0.99, 2)]
)
def test_each_side_gets_at_least_one_picture_of_each_class(
    samples: Samples, count: int, fraction: float, expected: int
) -> None:
    train, validation = split_validation(samples(count), fraction)
    assert (len(train), len(validation)) == (count - expected, expected)


def test_a_class_with_one_picture_cannot_be_divided(samples: Samples) -> None:
    with pytest.raises(UserError, match=r"0000\.png is the only picture of its class"):
        split_validation([*samples(1), *samples(5, label=1)])


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, float("nan")])
def test_a_fraction_outside_0_to_1_is_refused(samples: Samples, fraction: float) -> None:
    with pytest.raises(UserError, match="between 0 and 1"):
        split_validation(samples(5), fraction)


def test_a_test_part_is_held_out_of_each_class(samples: Samples) -> None:
    train, test = hold_out_test([*samples(50), *samples(10, label=1)])
    assert Counter(sample.label for sample in test) == {0: 10, 1: 2}
    assert not contents(train) & contents(test)


def test_the_test_part_is_not_the_one_that_validation_would_be(samples: Samples) -> None:
    pictures = samples(50)
    assert contents(hold_out_test(pictures, 0.2)[1]) != contents(
        split_validation(pictures, 0.2, 0)[1]
    )


def test_pictures_that_test_also_holds_are_dropped_from_train_and_named(samples: Samples) -> None:
    test = [*samples(2, start=50), *samples(2, label=1, start=50)]
    leak = replace(test[0], name="leak.png")
    dataset = Dataset(
        ("bicycle", "motorcycle"),
        (*samples(10), *samples(10, label=1), leak),
        tuple(test),
        "here",
    )
    splits = make_splits(dataset, fraction=0.2, seed=1)
    assert splits.dropped == ("bicycle/leak.png",)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (16, 4, 4)
    assert not contents(splits.test) & (contents(splits.train) | contents(splits.validation))
    assert (splits.seed, splits.source) == (1, "here")


def test_nothing_is_dropped_when_no_picture_is_in_both(samples: Samples) -> None:
    train = (*samples(10), *samples(10, label=1))
    test = (*samples(2, start=50), *samples(2, label=1, start=50))
    splits = make_splits(Dataset(("a", "b"), train, test, "here"))
    assert splits.dropped == ()
    assert sorted((*splits.train, *splits.validation), key=str) == sorted(train, key=str)


def test_a_class_whose_training_pictures_are_all_in_test_is_named(samples: Samples) -> None:
    train = (*samples(10), *samples(2, label=1))
    dataset = Dataset(
        ("bicycle", "motorcycle"), train, (*samples(1, start=50), *train[10:]), "here"
    )
    with pytest.raises(UserError, match="no picture of motorcycle in train, without"):
        make_splits(dataset)


def test_of_pictures_that_come_later_the_fraction_falls_to_validation(samples: Samples) -> None:
    drawn = sum(falls_to_validation(sample, 0.15, seed=0) for sample in samples(1000))
    assert 115 <= drawn <= 185  # 3 standard deviations around 150


def test_where_a_later_picture_falls_depends_on_the_seed_and_not_on_its_name(
    samples: Samples,
) -> None:
    pictures = samples(60)
    renamed = [replace(sample, name=f"z{sample.name}") for sample in pictures]

    def draw(drawn_from: list[Sample], seed: int) -> list[bool]:
        return [falls_to_validation(sample, 0.5, seed) for sample in drawn_from]

    assert draw(renamed, 1) == draw(pictures, 1)
    assert draw(pictures, 2) != draw(pictures, 1)
