"""The threads of a batch transform job."""

import threading
import time

import pytest

from scripts.localcloud.transform import _in_parallel


def test_each_item_is_worked_on_once():
    done = []
    _in_parallel(done.append, iter(range(100)), 8)
    assert sorted(done) == list(range(100))


def test_as_many_as_allowed_are_worked_on_at_once():
    together = threading.Barrier(3)
    _in_parallel(lambda _: together.wait(5), iter(range(3)), 3)
    assert not together.broken


def test_the_first_error_ends_the_work_and_is_raised():
    done = []

    def work(item):
        done.append(item)
        if item == 3:
            raise ValueError("the third")
        time.sleep(0.001)

    with pytest.raises(ValueError, match="the third"):
        _in_parallel(work, iter(range(10_000)), 2)
    assert len(done) < 10_000


def test_an_error_of_the_items_is_raised():
    def items():
        yield 1
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        _in_parallel(lambda _: None, items(), 2)
