"""The instances that serve one endpoint configuration, and the traffic between them."""

import itertools
import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from scripts.localcloud.capture import CaptureWriter, Exchange
from scripts.localcloud.hosting import ANSWER_TIMEOUT_S, Answer, Instance, Unreachable
from scripts.localcloud.metrics import Measurement, MetricsWriter


@dataclass(frozen=True)
class Invocation:
    """One InvokeEndpoint request."""

    body: bytes
    content_type: str = "application/octet-stream"
    accept: str = "application/json"
    inference_id: str | None = None
    custom_attributes: str | None = None
    target_variant: str | None = None


@dataclass(frozen=True)
class Variant:
    """A production variant: its share of the traffic, its instances, and what is kept of it."""

    name: str
    weight: float
    instances: list[Instance]
    metrics: MetricsWriter
    capture: CaptureWriter | None
    turn: "itertools.count[int]" = field(default_factory=itertools.count)

    def invoke(self, request: Invocation) -> Answer:
        """Ask one of the instances; measure, and capture an answer of the model."""
        arrived = time.perf_counter()
        answer, model_s = self._ask(request)
        if answer.status == 200 and self.capture:
            self.capture.add(
                Exchange(
                    request.body,
                    request.content_type,
                    answer.body,
                    answer.content_type,
                    request.inference_id,
                    request.custom_attributes,
                )
            )
        overhead_s = time.perf_counter() - arrived - model_s
        self.metrics.add(Measurement(answer.status, model_s, overhead_s))
        return answer

    def _ask(self, request: Invocation) -> tuple[Answer, float]:
        """The answer of the next instance in turn that can be reached, and its time in seconds."""
        first = next(self.turn)
        for offset in range(len(self.instances)):
            instance = self.instances[(first + offset) % len(self.instances)]
            asked = time.perf_counter()
            try:
                answer = instance.invoke(request.body, request.content_type, request.accept)
            except Unreachable:
                continue
            return answer, time.perf_counter() - asked
        return Answer(503, b"No model server can be reached.", "text/plain"), 0.0

    def close(self) -> None:
        for instance in self.instances:
            instance.stop()
        self.metrics.close()
        if self.capture:
            self.capture.close()


class Fleet:
    """The variants of one configuration. Between `enter` and `leave` it is not torn down."""

    def __init__(self, variants: Iterable[Variant]) -> None:
        self._variants = {variant.name: variant for variant in variants}
        self._in_flight = 0
        self._is_closed = False
        self._changed = threading.Condition()

    def enter(self) -> bool:
        """Begin a request. False when the fleet is closed, and another may have taken over."""
        with self._changed:
            if self._is_closed:
                return False
            self._in_flight += 1
            return True

    def leave(self) -> None:
        with self._changed:
            self._in_flight -= 1
            self._changed.notify_all()

    def choose(self, name: str | None) -> Variant | None:
        """The variant called `name`, or one by its weight; None when there is no such variant."""
        if name is not None:
            return self._variants.get(name)
        variants = list(self._variants.values())
        # Not for secrets: this spreads traffic.
        return random.choices(variants, [variant.weight for variant in variants])[0]  # noqa: S311

    def close(self) -> None:
        """Let the requests in flight finish, then stop every instance and send what is kept."""
        with self._changed:
            self._is_closed = True
            self._changed.wait_for(lambda: self._in_flight == 0, ANSWER_TIMEOUT_S + 1)
        for variant in self._variants.values():
            variant.close()
