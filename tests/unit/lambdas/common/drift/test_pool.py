"""The latest records of several windows together."""

import json

import numpy as np

from lambdas.common.drift import pool


def rows(start: int, count: int) -> np.ndarray:
    return np.arange(start, start + count, dtype=float)[:, None]


def test_new_records_go_behind_those_that_were_kept() -> None:
    kept = json.loads(json.dumps(pool.keep(rows(0, 30))))
    assert pool.extend(kept, rows(30, 5))[:, 0].tolist() == list(range(35))


def test_the_pools_are_the_latest_200_and_1000_records() -> None:
    few, many = pool.latest(rows(0, 1500), 20)
    assert (few[0, 0], len(few)) == (1300, 200)
    assert (many[0, 0], len(many)) == (500, 1000)


def test_a_larger_window_is_a_pool_of_its_own() -> None:
    few, many = pool.latest(rows(0, 1500), 600)
    assert (len(few), len(many)) == (600, 1000)


def test_no_more_than_1000_records_are_kept() -> None:
    kept = pool.keep(rows(0, 2600))
    assert (kept[0], kept[-1], len(kept)) == ([1600], [2599], 1000)


def test_of_too_many_records_every_part_of_the_window_counts() -> None:
    found = pool.evenly(rows(0, 10_000))[:, 0]
    assert (found[0], found[-1], len(found)) == (0, 9999, 2000)
    assert set(np.diff(found)) <= {4, 5, 6}


def test_no_records_make_empty_pools() -> None:
    assert [len(records) for records in pool.latest(np.empty((0, 2)), 0)] == [0, 0]
