"""What the report says of drift: where it stands, and each window in the table."""

from dataclasses import replace
from datetime import timedelta

import pytest

from scripts.report import drift, wording
from scripts.report.figures import figures
from scripts.report.verdict import verdict


@pytest.fixture
def judge():
    return lambda data: verdict(data, figures(data))


# The verdict


def test_drift_that_demands_action_is_the_verdict(judge, drifting):
    found = judge(drifting)
    assert found.level == "act"
    assert found.sentence.startswith(f"Drift since {wording.moment(drifting.windows[-1].start)}")
    assert "2 of 4 signals" in found.sentence
    assert "The monitor's sentence on act." in found.reasons


def test_the_one_signal_that_drifts_is_named(judge, watched, window):
    found = judge(watched([window(0, "act", drifting=("class mix",))]))
    assert found.sentence.endswith(": class mix.")


@pytest.mark.parametrize("severity", ["watch", "warn"])
def test_lesser_drift_is_worth_a_look(judge, watched, window, severity):
    found = judge(watched([window(0), window(1, severity, drifting=("brightness",))]))
    assert found.level == "watch"
    assert f"The monitor's sentence on {severity}." in found.reasons


def test_no_drift_gives_nothing_to_look_at(judge, watched, window):
    found = judge(watched([window(0), window(1)]))
    assert (found.level, found.reasons) == ("good", ())


def test_a_failure_comes_before_drift_but_does_not_hide_it(judge, drifting, outcome):
    found = judge(replace(drifting, outcomes=[outcome(0, "failed")]))
    assert found.level == "act"
    assert "its input is in the failure queue" in found.sentence
    assert "The monitor's sentence on act." in found.reasons


def test_a_window_without_data_while_the_endpoint_answered_is_no_data(
    judge, watched, window, empty_window
):
    found = judge(watched([window(0), empty_window(1, invoked=50)]))
    assert found.level == "none"
    assert found.sentence == "There are no records."


@pytest.mark.parametrize("invoked", [0, None])
def test_a_window_without_traffic_is_never_green(judge, watched, window, empty_window, invoked):
    assert judge(watched([window(0), empty_window(1, invoked=invoked)])).level == "watch"


def test_a_silent_monitor_is_worth_a_look(judge, watched, window):
    windows = [window(0), window(1)]
    silent = watched(windows, period_end=windows[-1].end + timedelta(hours=3))
    assert judge(silent).level == "watch"
    assert "The monitor has been silent since" in judge(silent).reasons[0]
    waiting = watched(windows, period_end=windows[-1].end + timedelta(hours=2))
    assert judge(waiting).level == "good"


def test_a_short_window_does_not_make_the_monitor_silent(judge, watched, window):
    windows = [*(window(hour) for hour in range(5)), window(5, length=timedelta(minutes=1))]
    later = watched(windows, period_end=windows[-1].end + timedelta(hours=1))
    assert judge(later).level == "good"


def test_drift_that_is_over_is_still_told(judge, watched, window):
    found = judge(watched([window(0, "act", drifting=("brightness",)), window(1), window(2)]))
    assert found.level == "watch"
    assert found.reasons[0].startswith("Earlier, drift was at 'act' in 1 of 3 windows")


def test_without_the_monitor_a_demo_is_judged_as_before(judge, demo):
    assert drift.standing(demo) is None
    assert judge(demo).level == "good"


def test_records_of_windows_that_cannot_be_read_are_told(judge, watched, window):
    found = judge(watched([window(0)], damaged_windows=2))
    assert found.reasons == ("The monitor's records of 2 windows could not be read.",)


def test_failures_that_were_dealt_with_are_told_but_call_for_nothing(judge, watched, window):
    ended = {"accepted": 370, "review": 30, "rejected": 0, "failed": 4}
    found = judge(watched([window(0, decisions=ended)]))
    assert found.level == "good"
    assert found.sentence == (
        "404 executions ended: 370 accepted, 30 sent for review and 4 failed, "
        "none of which still waits."
    )


@pytest.mark.parametrize(("captured", "level"), [(393, "good"), (391, "watch")])
def test_a_sample_tolerates_records_at_the_edges_of_windows(
    judge, watched, window, captured, level
):
    data = watched([window(0)], captured_records=captured)
    assert judge(data).level == level


# Words


@pytest.mark.parametrize(
    ("severities", "finding"),
    [
        (["none"], "No drift in 1 of 1 window"),
        (["none", "none", "no_data"], "No drift in 2 of 3 windows"),
        (["no_data"], "No data in 1 window"),
        (["act", "watch", "act", "none"], "Drift in 4 windows: act in 2 and watch in 1"),
    ],
)
def test_the_title_counts_the_severities(window, severities, finding):
    assert drift.finding([window(i, s) for i, s in enumerate(severities)]) == finding


def test_a_span_is_named_by_its_length_where_all_have_the_same(window):
    hours = [window(0), window(1)]
    assert drift.span(hours, hours) == "window of 1 hour"
    mixed = [window(0), window(1, length=timedelta(minutes=30))]
    assert drift.span(mixed, mixed) == "window"
    assert drift.span(hours, hours[:1]) == "group of neighbouring windows"


def test_the_estimate_is_weighted_by_inferences(window, empty_window):
    windows = [
        window(0, captured=100, estimated_accuracy={"value": 0.5, "n": 100}),
        window(1, captured=300, estimated_accuracy={"value": 0.9, "n": 300}),
        empty_window(2),
    ]
    assert drift.estimated_accuracy(windows) == pytest.approx((0.8, 400))
    assert drift.estimated_accuracy([empty_window(0)]) is None


# The table


def test_the_table_has_the_newest_window_first(window):
    rows = drift.table([window(0), window(1, "warn"), window(2, "act")])
    assert [row.name for row in rows] == ["act", "warn", "none"]
    assert rows[0].time == "23 Nov, 12:00 to 13:00".replace(" ", wording.NO_BREAK).replace(
        f",{wording.NO_BREAK}", ", "
    )


def test_a_row_has_every_number_with_its_n(window):
    (row,) = drift.table(
        [window(0, damaged_lines=1, foreign_records=5, late_files=2, unread_files=3)]
    )
    cells = [cell.replace(wording.NO_BREAK, " ") for cell in row.cells]
    assert dict(zip(drift.HEADER, cells, strict=True)) == {
        "model version": "2",
        "captured of invoked": "400 of 402",
        "accepted": "370",
        "review": "30",
        "rejected": "3",
        "failed": "0",
        "median confidence": "0.99",
        "below the threshold": "7.5 % of 400",
        "estimated accuracy": "95.7 %",
        "damaged lines": "1",
        "foreign records": "5",
        "late files": "2",
        "unread files": "3",
    }


def test_what_is_not_known_of_a_window_is_a_dash(empty_window):
    (row,) = drift.table([empty_window(0, invoked=None)])
    cells = dict(zip(drift.HEADER, row.cells, strict=True))
    assert cells["captured of invoked"] == f"0 of {wording.EM_DASH}"
    for name in ("median confidence", "below the threshold", "estimated accuracy"):
        assert cells[name] == wording.EM_DASH


def test_a_long_table_is_cut_and_says_so(watched, window):
    data = watched([window(hour) for hour in range(drift.MOST_ROWS + 4)])
    assert len(drift.table(data.windows)) == drift.MOST_ROWS
    assert f"The newest {drift.MOST_ROWS} are shown." in drift.table_caption(data)
    assert "n = 340 windows with 136,000 captured records" in drift.table_caption(data)
