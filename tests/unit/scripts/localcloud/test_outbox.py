"""What is sent in the background: in order, in batches, and not lost while the service is away."""

import threading

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from scripts.localcloud.outbox import Outbox

AWAY = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
NEVER_S = 3600.0


@pytest.fixture
def make():
    """make(send): an outbox that is closed when the test ends."""
    made = []

    def outbox(send, **options):
        settings = {"batch_size": 3, "interval_s": NEVER_S} | options
        made.append(Outbox("Parcels", send, **settings))
        return made[-1]

    yield outbox
    for item in made:
        item._closed.set()


class Receiver:
    """Keeps the batches that it gets; fails as long as there are `errors`."""

    def __init__(self, *errors):
        self.batches = []
        self.errors = list(errors)

    def __call__(self, batch):
        if self.errors:
            raise self.errors.pop(0)
        self.batches.append(batch)


def test_items_are_sent_in_order_and_in_batches(make):
    receiver = Receiver()
    outbox = make(receiver)
    for item in range(7):
        outbox.add(item)
    outbox.flush()
    assert receiver.batches == [[0, 1, 2], [3, 4, 5], [6]]


def test_items_are_sent_without_another_one_coming(make, eventually):
    receiver = Receiver()
    make(receiver, interval_s=0.01).add("only")
    assert eventually(lambda: receiver.batches) == [["only"]]


def test_what_waits_is_sent_when_the_outbox_is_closed(make):
    receiver = Receiver()
    outbox = make(receiver)
    outbox.add("last")
    outbox.close()
    assert receiver.batches == [["last"]]


@pytest.mark.parametrize("error", [AWAY, ClientError({"Error": {"Code": "500"}}, "Put")])
def test_what_is_refused_waits_in_its_place(make, error):
    receiver = Receiver(error)
    outbox = make(receiver)
    outbox.add("first")
    outbox.flush()
    outbox.add("second")
    outbox.flush()
    assert receiver.batches == [["first", "second"]]


def test_a_refusal_does_not_end_the_sending(make, eventually):
    receiver = Receiver(AWAY, AWAY, AWAY)
    make(receiver, interval_s=0.01).add("patient")
    assert eventually(lambda: receiver.batches) == [["patient"]]


def test_an_outage_is_said_once_and_so_is_its_end(make, capsys):
    outbox = make(Receiver(AWAY, AWAY))
    outbox.add("patient")
    for _ in range(3):
        outbox.flush()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Parcels must wait: Could not connect")
    assert lines[1] == "Parcels goes on; 0 lost."


def test_beyond_the_capacity_the_oldest_are_lost_and_counted(make, capsys):
    receiver = Receiver(AWAY)
    outbox = make(receiver, capacity=3)
    for item in range(3):
        outbox.add(item)
    outbox.flush()
    for item in range(3, 5):
        outbox.add(item)
    outbox.flush()
    assert receiver.batches == [[2, 3, 4]]
    assert "Parcels goes on; 2 lost." in capsys.readouterr().err


def test_two_that_send_at_once_keep_the_order(make):
    is_sending, may_go_on = threading.Event(), threading.Event()
    received = []

    def slow(batch):
        if not received:
            is_sending.set()
            may_go_on.wait(5)
        received.extend(batch)

    outbox = make(slow, batch_size=1)
    outbox.add("first")
    other = threading.Thread(target=outbox.flush)
    other.start()
    is_sending.wait(5)
    outbox.add("second")
    may_go_on.set()
    outbox.flush()
    other.join()
    assert received == ["first", "second"]
