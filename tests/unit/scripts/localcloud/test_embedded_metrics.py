"""The metrics that a line of a log carries."""

import json

import pytest

from scripts.localcloud import embedded_metrics
from scripts.localcloud.embedded_metrics import Datum

DIRECTIVE = {
    "Namespace": "scones",
    "Dimensions": [["Environment", "service"]],
    "Metrics": [{"Name": "LowConfidence", "Unit": "Count"}],
}
ABOUT = {"Timestamp": 1_781_611_200_500, "CloudWatchMetrics": [DIRECTIVE]}
DOCUMENT = {"_aws": ABOUT, "Environment": "local", "service": "filter", "LowConfidence": 1}
DATUM = Datum(
    "scones",
    "LowConfidence",
    {"Environment": "local", "service": "filter"},
    [1.0],
    "Count",
    1_781_611_200.5,
)


def read(document=None, directive=None, about=None, **members):
    """What is read from the usual document, with some of it changed."""
    about = ABOUT | {"CloudWatchMetrics": [DIRECTIVE | (directive or {})]} | (about or {})
    return embedded_metrics.read(json.dumps(DOCUMENT | {"_aws": about} | members))


def test_a_metric_is_read_with_its_dimensions_unit_and_time():
    assert read() == [DATUM]


def test_other_members_of_the_line_do_not_matter():
    assert read(message="accepted", image={"s3_key": "a.png"}) == [DATUM]


def test_a_list_holds_several_values():
    assert read(LowConfidence=[0, 1, 0.5])[0].values == [0.0, 1.0, 0.5]


def test_a_metric_without_a_unit_has_none():
    assert read(directive={"Metrics": [{"Name": "LowConfidence"}]})[0].unit == "None"


def test_each_set_of_dimensions_is_a_metric_of_its_own():
    found = read(directive={"Dimensions": [["service"], []]})
    assert [datum.dimensions for datum in found] == [{"service": "filter"}, {}]


def test_several_metrics_and_directives_are_all_read():
    both = [DIRECTIVE | {"Metrics": [{"Name": "LowConfidence"}, {"Name": "Other"}]}, DIRECTIVE]
    found = read(about={"CloudWatchMetrics": both}, Other=3)
    assert [datum.name for datum in found] == ["LowConfidence", "Other", "LowConfidence"]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "START RequestId: 5f2a4a1e",
        '{"level": "INFO", "message": "accepted"}',
        'text about "_aws"',
        '["_aws"]',
        '{"_aws": 1}',
        '{"_aws": {"Timestamp": 1}}',
        json.dumps(DOCUMENT) + " and more",
        json.dumps(DOCUMENT | {"LowConfidence": float("nan")}),
    ],
)
def test_what_is_not_in_the_format_is_just_a_line(message):
    assert embedded_metrics.read(message) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"LowConfidence": "1"},
        {"LowConfidence": True},
        {"LowConfidence": None},
        {"LowConfidence": [1] * 101},
        {"Environment": 3},
        {"directive": {"Metrics": [{"Name": "Absent"}]}},
        {"directive": {"Dimensions": [["Absent"]]}},
        {"directive": {"Dimensions": "Environment"}},
        {"about": {"Timestamp": None}},
    ],
)
def test_a_line_that_breaks_the_format_carries_nothing(changes):
    assert read(**changes) == []
