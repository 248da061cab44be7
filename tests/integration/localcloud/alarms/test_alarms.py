"""Each alarm goes off when what it is there for really happens, says so, and ends with it."""

import re

import pytest

from tests.integration.localcloud.alarms.conftest import CHAPTERS
from tests.integration.localcloud.alarms.service import PREFIX

ALARMS = sorted(set().union(*CHAPTERS.values()))
PAGE = "unhealthy"
LIMIT_US = 250_000  # local.tfvars: 250 ms


def test_the_story_is_about_every_alarm_that_there_is(service):
    assert sorted(service.alarms()) == ALARMS


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_happens_sets_off_the_alarms_that_are_there_for_it_and_no_others(story, chapter):
    assert story.on[chapter] == CHAPTERS[chapter]


@pytest.mark.parametrize("name", ALARMS)
def test_people_are_told_that_it_went_off_and_that_it_is_over(story, name):
    told = [item.state for item in story.messages if (item.alarm, item.topic) == (name, "alarms")]
    assert {"ALARM", "OK"} <= set(told)
    assert told[-1] == "OK"


@pytest.mark.parametrize("name", ALARMS)
def test_its_message_says_where_what_why_what_to_do_and_how_urgent_it_is(story, name):
    message = next(item for item in story.messages if (item.alarm, item.state) == (name, "ALARM"))
    assert message.subject == f'ALARM: "{PREFIX}-{name}" in us-east-1'
    meaning, action, context = message.text["AlarmDescription"].split("\n\n")
    assert meaning.endswith(".")
    assert action.startswith("What to do: ")
    assert re.fullmatch(
        rf"Environment: local\. Severity: (page|inform)\. More: docs/runbook\.md#{name}", context
    )
    # CloudWatch's own words: the datapoints, or of the page, which alarm set it off.
    reason = message.text["NewStateReason"]
    assert re.search(r"alarm:scones-local-executions-\S+ transitioned", reason) or re.match(
        r"Threshold Crossed: .*(datapoint|no datapoints)", reason
    )


def test_one_alarm_alone_gets_somebody_out_of_bed(story):
    paged = [(item.alarm, item.state) for item in story.messages if item.topic == "pages"]
    assert set(paged) == {(PAGE, "ALARM"), (PAGE, "OK")}


def test_the_latency_limit_is_in_the_unit_of_the_metric(story):
    slow, quick = (
        next(
            item.text["NewStateReason"]
            for item in story.messages
            if (item.alarm, item.state) == ("rollback-latency-p99", state)
        )
        for state in ("ALARM", "OK")
    )
    assert f"({LIMIT_US})" in slow
    # A model that answers in 1.2 s, and one that answers in a few milliseconds.
    assert float(re.search(r"\[([0-9.e+]+)", slow)[1]) >= 1_200_000
    assert float(re.search(r"\[([0-9.e+]+)", quick)[1]) < LIMIT_US


def test_the_alarms_of_an_update_look_every_ten_seconds(service):
    periods = {
        name: alarm["Period"]
        for name, alarm in service.alarms().items()
        if name.startswith("rollback-")
    }
    assert set(periods) == {
        f"rollback-{what}"
        for what in ("5xx-rate", "4xx-rate", "latency-p99", "low-confidence-rate")
    }
    assert set(periods.values()) == {10}
