"""Key figures: counts, shares and their intervals."""

import pytest

from scripts.report.figures import Confusion, Share, figures


def test_a_share_lies_within_its_interval():
    share = Share(193, 200)
    assert share.value == 0.965
    # The closed form, computed with 50 decimal digits.
    assert share.interval == pytest.approx((0.9295293885, 0.9829444580), abs=1e-9)


def test_nothing_has_no_share():
    assert Share(0, 0).value is None
    assert Share(0, 0).interval is None


def test_coverage_leaves_rejected_and_failed_out(report, outcome):
    kinds = ["accepted"] * 3 + ["review", "rejected", "failed"]
    assert figures(report(outcomes=[outcome(0, kind) for kind in kinds])).accepted == Share(3, 4)


def test_accuracy_counts_known_truths_only(report, inference):
    data = report(
        inferences=[inference(0), inference(1, truth="motorcycle"), inference(2, truth=None)]
    )
    assert figures(data).right == Share(1, 2)


def test_accuracy_of_the_accepted_leaves_review_out(report, inference):
    data = report(inferences=[inference(0), inference(1, confidence=0.6, truth="motorcycle")])
    assert figures(data).accepted_right == Share(1, 1)


def test_a_label_nobody_listed_still_shows_in_the_confusion(report, inference):
    confusion = figures(report(inferences=[inference(label="unicycle")])).confusion
    assert confusion is not None
    assert confusion.labels == ("bicycle", "motorcycle", "unicycle")
    assert confusion.counts[0] == (0, 0, 1)


def test_the_worst_mistake_is_the_most_frequent():
    confusion = Confusion(("a", "b", "c"), ((5, 1, 0), (0, 5, 3), (0, 0, 5)))
    assert confusion.worst() == ("b", "c", 3)
    assert confusion.wrong == 4


def test_recall_is_of_a_row_and_precision_of_a_column():
    confusion = Confusion(("a", "b"), ((8, 2), (1, 9)))
    assert confusion.recall(0) == Share(8, 10)
    assert confusion.precision(0) == Share(8, 9)


def test_many_labels_are_merged_without_losing_a_picture():
    size = 20
    counts = tuple(tuple(10 if r == c else (r + c) % 3 for c in range(size)) for r in range(size))
    full = Confusion(tuple(f"c{i}" for i in range(size)), counts)
    small = full.at_most(12)
    assert len(small.labels) == 12
    assert small.labels[-1] == "the other 9"
    assert small.total == full.total
