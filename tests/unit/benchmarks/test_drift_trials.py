"""What a shift is taken to cost, how often it is noticed, and what may happen to pictures."""

import drift_shifts
import drift_tables
import drift_trials
import numpy as np
import pytest
from drift_shifts import Shift
from drift_trials import Answered

from lambdas.common.drift.picture_statistics import COLUMNS


def same(picture, _):
    return picture


LABELS = np.repeat([0, 1], 350)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(drift_trials, "TRIALS", 20)
    monkeypatch.setattr(drift_trials, "STREAMS", 5)
    monkeypatch.setattr(drift_trials, "RATES_PER_H", (100,))


@pytest.fixture
def random():
    return np.random.default_rng(4)


@pytest.fixture
def pictures(random):
    return list(random.integers(60, 200, (20, 32, 32, 3), dtype=np.uint8))


def answered(random, doubt, dark, accuracy):
    signs = np.where(LABELS == 0, 1, -1)
    scores = 1 / (1 + np.exp(-(1 - doubt) * signs * random.normal(3, 1, len(LABELS))))
    statistics = random.uniform(0.2, 0.6, (len(LABELS), len(COLUMNS))) * (1 - dark)
    right = random.permutation(len(LABELS)) < accuracy * len(LABELS)
    return Answered(np.stack([scores, 1 - scores], axis=1), statistics, right)


@pytest.mark.parametrize("shift", drift_shifts.shifts(), ids=lambda shift: shift.name)
def test_a_shift_makes_pictures_of_the_same_size_and_always_the_same(shift, pictures):
    first, again = (drift_shifts.apply(shift, pictures, seed=1) for _ in range(2))
    assert {(p.shape, p.dtype) for p in first} == {((32, 32, 3), np.dtype(np.uint8))}
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    changed = not all(np.array_equal(a, b) for a, b in zip(first, pictures, strict=True))
    assert changed == (shift.name != "nothing" and shift.flood is None)


def test_a_shift_of_a_share_costs_its_share(random):
    normal, shifted = answered(random, 0, 0, 0.9), answered(random, 0.5, 0.5, 0.6)
    found = drift_trials.row(Shift("half", same, 0.5), normal, shifted, LABELS)
    assert found["cost"] == pytest.approx(0.15)


def test_a_flood_costs_what_the_class_is_answered_worse(random):
    normal = answered(random, 0, 0, 1)
    right = np.where(LABELS == 0, np.arange(len(LABELS)) % 10 > 1, True)  # .8 and 1
    normal = Answered(normal.scores, normal.pictures, right)
    found = drift_trials.row(Shift("flood", same, 0.75, flood=0), normal, normal, LABELS)
    assert found["cost"] == pytest.approx(0.9 - (0.75 * 0.8 + 0.25))


def test_what_drifts_is_noticed_and_what_does_not_is_not(random):
    normal, shifted = answered(random, 0, 0, 0.95), answered(random, 0.6, 0.6, 0.7)
    quiet, loud = (
        drift_trials.row(Shift("all", same), normal, other, LABELS) for other in (normal, shifted)
    )
    assert quiet["windows"]["200"]["act"]["share"] == 0
    assert loud["windows"]["200"]["act"]["share"] == 1
    assert quiet["hours"]["100"]["act"] == {
        "median": None,
        "p90": None,
        "within_a_day": 0,
        "runs": 5,
    }
    assert loud["hours"]["100"]["act"]["median"] == 1


def test_the_hours_are_counted_from_the_shift_on():
    alarms = np.zeros((4, drift_trials.BEFORE + drift_trials.AFTER), bool)
    alarms[:, 0] = True  # before the shift
    alarms[:3, drift_trials.BEFORE + 2] = True
    found = drift_trials._delay(alarms)
    assert (found["median"], found["p90"], found["within_a_day"]) == (3, None, 0.75)


def test_the_tables_show_every_shift_and_every_rate(random):
    normal = answered(random, 0, 0, 0.95)
    row = drift_trials.row(Shift("all", same), normal, normal, LABELS)
    speed = {"pictures": 2000, "side_px": 128, "median_s": 0.3, "min_s": 0.2, "max_s": 0.4}
    shown = drift_tables.detection({"shifts": {"all": row}, "picture_statistics": speed})
    assert [len(columns) for columns, _ in shown] == [len(rows[0]) for _, rows in shown]
    assert shown[0][1][0][:4] == ("all", "0.0", "0.0", "0.00")
    assert shown[1][1][0][1] == "over 48 (over 48)"
