"""A request that is repeated with the same invocation id."""

import asyncio

import pytest

from scripts.localcloud.emulated_retries import answering_again


class Service:
    """An application that counts what it does; its `statuses` are used up one by one."""

    def __init__(self, *statuses, seconds=0.0):
        self.statuses, self.seconds, self.done = list(statuses), seconds, 0

    async def __call__(self, scope, receive, send):
        await receive()
        self.done += 1
        number = self.done
        await asyncio.sleep(self.seconds)
        await send({"type": "http.response.start", "status": self.statuses[number - 1]})
        await send({"type": "http.response.body", "body": b"%d" % number})


def ask(app, *ids, method="POST", at_once=False):
    """What the requests with these invocation ids are answered, in their order."""

    async def one(invocation):
        headers = [(b"amz-sdk-invocation-id", invocation.encode())] if invocation else []
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        await app({"type": "http", "method": method, "headers": headers}, receive, send)
        return sent[0]["status"], sent[1]["body"]

    async def all_of_them():
        if at_once:
            return await asyncio.gather(*map(one, ids))
        return [await one(invocation) for invocation in ids]

    return list(asyncio.run(all_of_them()))


def test_it_is_answered_again_and_not_done_again():
    service = Service(200, 200)
    assert ask(answering_again(service), "a", "a", "b") == [(200, b"1"), (200, b"1"), (200, b"2")]
    assert service.done == 2


def test_it_waits_for_the_first_try_to_end():
    service = Service(200, 200, seconds=0.01)
    assert ask(answering_again(service), "a", "a", at_once=True) == [(200, b"1"), (200, b"1")]


@pytest.mark.parametrize("status", [400, 503])
def test_after_an_error_it_is_done(status):
    assert ask(answering_again(Service(status, 200)), "a", "a") == [(status, b"1"), (200, b"2")]


@pytest.mark.parametrize(("ids", "method"), [(("a", "a"), "GET"), (("", ""), "POST")])
def test_reads_and_requests_without_an_id_are_always_done(ids, method):
    service = Service(200, 200)
    ask(answering_again(service), *ids, method=method)
    assert service.done == 2
