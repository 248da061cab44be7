"""A request that an SDK repeats because its answer got lost is answered again, not done again.

Two applies failed on what they had just made: an alias that was taken, a permission that existed.
Terraform's log of thirteen later ones has three requests that were repeated because their
connection to the emulator broke; why it did was not found. The SDKs repeat a request with the same
invocation id, and that is what is recognised here.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from ministack import app as ministack

KEPT = 512  # answers; a repetition follows within the second
LARGEST_BYTES = 65_536
_READS = ("GET", "HEAD")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


@dataclass
class Answer:
    """What a request was answered: `messages`, once it is `over`."""

    messages: list[Message] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def can_be_repeated(self) -> bool:
        """Whether it went well; after an error, another try is what the client wants."""
        size = sum(len(message.get("body", b"")) for message in self.messages)
        status = self.messages[0].get("status", 500) if self.messages else 500
        return status < 300 and size <= LARGEST_BYTES


def mend() -> None:
    """Answer so from now on, in this process."""
    ministack.app = answering_again(ministack.app)


def answering_again(app: App) -> App:
    """The ASGI application, with a memory for its latest answers to writing requests."""
    answers: OrderedDict[bytes, Answer] = OrderedDict()

    async def answering(scope: Message, receive: Receive, send: Send) -> None:
        request = _invocation(scope)
        if request is None:
            await app(scope, receive, send)
            return
        if known := answers.get(request):
            await known.over.wait()
            if known.can_be_repeated:
                await _read_to_the_end(receive)
                for message in known.messages:
                    await send(message)
                return
        answer = answers[request] = Answer()
        while len(answers) > KEPT:
            answers.popitem(last=False)

        async def noting(message: Message) -> None:
            answer.messages.append(dict(message))
            await send(message)

        try:
            await app(scope, receive, noting)
        finally:
            answer.over.set()

    return answering


def _invocation(scope: Message) -> bytes | None:
    """The id that all tries of a writing request have in common; None for any other request."""
    if scope["type"] != "http" or scope["method"] in _READS:
        return None
    headers = dict(scope["headers"])
    found: bytes | None = headers.get(b"amz-sdk-invocation-id")
    return found


async def _read_to_the_end(receive: Receive) -> None:
    while (await receive()).get("more_body"):
        pass
