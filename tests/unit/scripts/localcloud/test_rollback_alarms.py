"""The alarms that end a deployment."""

import pytest
from botocore.exceptions import EndpointConnectionError

from scripts.localcloud import rollback_alarms
from scripts.localcloud.protocol import ServiceError


@pytest.fixture
def cloudwatch(services, monkeypatch):
    """A CloudWatch with three alarms, which may be away."""

    states = {"good": "OK", "new": "INSUFFICIENT_DATA", "bad": "ALARM"}

    class CloudWatch:
        is_away = False

        def describe_alarms(self, AlarmNames, AlarmTypes):
            if self.is_away:
                raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
            found = [
                {"AlarmName": name, "StateValue": state}
                for name, state in states.items()
                if name in AlarmNames
            ]
            assert AlarmTypes == ["MetricAlarm", "CompositeAlarm"]
            return {"MetricAlarms": found[:1], "CompositeAlarms": found[1:]}

    monkeypatch.setattr(services, "cloudwatch", CloudWatch())
    return services.cloudwatch


def test_the_alarms_that_fire_are_told(services, cloudwatch):
    assert rollback_alarms.tripped(services, ["good", "bad", "new"]) == ["bad"]
    assert rollback_alarms.tripped(services, ["good", "new"]) == []


def test_an_alarm_that_is_gone_watches_nothing_any_more(services, cloudwatch):
    assert rollback_alarms.tripped(services, ["good", "gone"]) == ["gone"]


def test_a_cloudwatch_that_does_not_answer_says_neither_yes_nor_no(services, cloudwatch, capsys):
    cloudwatch.is_away = True
    assert rollback_alarms.tripped(services, ["good"]) is None
    assert "alarms of a deployment cannot be read" in capsys.readouterr().err


def test_without_alarms_nobody_is_asked(services, cloudwatch):
    cloudwatch.is_away = True
    assert rollback_alarms.tripped(services, []) == []
    rollback_alarms.check_exist(services, [])


def test_alarms_must_exist(services, cloudwatch):
    rollback_alarms.check_exist(services, ["good", "bad"])
    with pytest.raises(ServiceError, match=r"Could not find the CloudWatch alarms .*: x, y\."):
        rollback_alarms.check_exist(services, ["good", "x", "y"])
