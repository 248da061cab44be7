"""Log streams."""

import pytest

from scripts.localcloud import logs
from scripts.localcloud.logs import LogStream


@pytest.fixture(autouse=True)
def no_clock(monkeypatch):
    """Nothing is sent by itself: each test says when."""
    monkeypatch.setattr(logs, "INTERVAL_S", 3600.0)


def test_group_and_stream_are_created_before_the_first_line(services):
    LogStream(services, "/group", "stream")
    assert services.logs.calls == [
        ("create_log_group", {"logGroupName": "/group"}),
        ("create_log_stream", {"logGroupName": "/group", "logStreamName": "stream"}),
    ]


def test_a_group_that_exists_is_used(services):
    services.logs.failures = [services.logs.exceptions.ResourceAlreadyExistsException()]
    LogStream(services, "/group", "stream")
    assert len(services.logs.made("create_log_stream")) == 1


def test_lines_are_sent_with_their_times_and_an_empty_one_as_a_space(services):
    stream = LogStream(services, "/group", "stream")
    for line in ("first", "", "third"):
        stream.write(line)
    stream.close()
    (sent,) = services.logs.made("put_log_events")
    assert (sent["logGroupName"], sent["logStreamName"]) == ("/group", "stream")
    assert [event["message"] for event in sent["logEvents"]] == ["first", " ", "third"]
    times = [event["timestamp"] for event in sent["logEvents"]]
    assert times == sorted(times)
    assert all(isinstance(time, int) and time > 1.7e12 for time in times)  # milliseconds


def test_a_quiet_process_does_not_keep_its_last_line(services, monkeypatch, eventually):
    monkeypatch.setattr(logs, "INTERVAL_S", 0.01)
    LogStream(services, "/group", "stream").write("the last words")
    assert eventually(lambda: services.logs.made("put_log_events"))


def test_a_stream_that_was_deleted_is_created_again(services):
    stream = LogStream(services, "/group", "stream")
    services.logs.failures = [services.logs.exceptions.ResourceNotFoundException()]
    stream.write("still here")
    stream.close()
    assert [name for name, _ in services.logs.calls][2:] == [
        "create_log_group",
        "create_log_stream",
        "put_log_events",
    ]


def test_a_service_that_is_away_stops_nobody(services):
    services.logs.is_away = True
    stream = LogStream(services, "/group", "stream")
    stream.write("patient")
    services.logs.is_away = False
    stream.close()
    (sent,) = services.logs.made("put_log_events")
    assert sent["logEvents"][0]["message"] == "patient"
