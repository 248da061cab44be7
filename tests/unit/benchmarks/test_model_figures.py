"""What the benchmark's figures mean: folds, intervals and tables."""

import random

import model
import pytest
import tables

from scripts.console import Screen
from scripts.dataset import Sample
from scripts.evaluation.quality import wilson_interval


@pytest.fixture
def samples(monkeypatch):
    """53 pictures of two classes, of which two are the same; their bytes are their content."""
    monkeypatch.setattr(Sample, "content", property(lambda self: self.data.hex()))
    unlike = [Sample(f"{i}.png", i % 2, b"%d" % i) for i in range(52)]
    return [*unlike, Sample("copy.png", 0, b"0")]


def test_every_picture_is_in_one_fold_and_each_fold_has_its_share_of_each_class(samples):
    parts = model.folds(samples, 5)
    assert sorted(s.name for part in parts for s in part) == sorted(s.name for s in samples)
    for label in (0, 1):
        sizes = [sum(sample.label == label for sample in part) for part in parts]
        assert max(sizes) - min(sizes) <= 2


def test_copies_of_a_picture_are_in_the_same_fold(samples):
    parts = model.folds(samples, 5)
    assert [{"0.png", "copy.png"} <= {s.name for s in part} for part in parts].count(True) == 1


def test_folds_depend_on_the_pictures_alone(samples):
    mixed = random.Random(1).sample(samples, len(samples))
    assert [set(part) for part in model.folds(mixed, 5)] == [
        set(part) for part in model.folds(samples, 5)
    ]


def test_an_interval_over_seeds_that_agree_is_no_narrower_than_one_seeds():
    one = [i >= 8 for i in range(200)]
    low, high = model.crossed_interval([one, one, one])
    assert low < 0.96 < high
    assert (low, high) == pytest.approx(wilson_interval(192, 200), abs=0.015)
    assert high - low > 1.5 * (lambda i: i[1] - i[0])(wilson_interval(576, 600))


def test_an_interval_over_seeds_that_differ_is_wider():
    same = [[i >= 8 for i in range(200)]] * 3
    unlike = [[i >= wrong for i in range(200)] for wrong in (0, 8, 16)]
    width = [high - low for low, high in map(model.crossed_interval, (same, unlike))]
    assert width[1] > 1.2 * width[0]


def test_an_interval_of_no_mistakes_is_one():
    assert model.crossed_interval([[True] * 20] * 3) == (1.0, 1.0)


SEED = {
    "seed": 0,
    "accuracy": 0.97,
    "accuracy_interval": (0.936, 0.986),
    "calibration_error": 0.021,
    "calibration_error_interval": (0.006, 0.038),
    "training_s": 71.6,
}
MODEL = {
    "cross_validation": {
        "folds": [0.96, 0.97],
        "accuracy": 0.965,
        "accuracy_interval": (0.952, 0.975),
    },
    "test": {
        "accuracy": 0.9633,
        "accuracy_interval": (0.935, 0.985),
        "calibration_error": 0.0222,
        "seeds": [SEED],
    },
    "repeat": {"identical": True},
}


def test_the_models_table_has_the_folds_the_seeds_their_mean_and_the_repeat(capsys):
    measured = {"date": "today", "machine": "a machine", "load": 0.04}
    tables.show(Screen(), "model", {"measured": measured, "figures": MODEL})
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "model today, a machine, load 0.0" in rows
    assert "5 folds 0.9650 0.9520 to 0.9750" in rows
    assert "fold 2 0.9700" in rows
    assert "test, mean 0.9633 0.9350 to 0.9850 0.0222" in rows
    assert "test, seed 0 0.9700 0.9360 to 0.9860 0.0210 (0.0060 to 0.0380) 72" in rows
    assert "yes" in rows
