"""The instances that serve one endpoint configuration, variant by variant."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from scripts.localcloud import endpoint_faults
from scripts.localcloud.capture import CaptureWriter, Exchange
from scripts.localcloud.faults import Fault
from scripts.localcloud.hosting import ANSWER_TIMEOUT_S, Answer, Instance, Unreachable
from scripts.localcloud.metrics import Measurement, MetricsWriter
from scripts.localcloud.records import Record
from scripts.localcloud.strategy import Desired


@dataclass(frozen=True)
class Invocation:
    """One InvokeEndpoint request, and the fault of the model that it runs into, if any."""

    body: bytes
    content_type: str = "application/octet-stream"
    accept: str = "application/json"
    inference_id: str | None = None
    custom_attributes: str | None = None
    target_variant: str | None = None
    fault: Fault | None = None


class Retired(Exception):
    """A variant has no instance any more: another fleet has taken over."""


class Variant:
    """A production variant of one configuration: its instances, and what is kept of its traffic.

    `launch` starts one more instance and is given its number. Instances take requests, in turn,
    once `serve` has said how many of them do. One that is stopped has answered all it was asked.
    """

    def __init__(
        self,
        name: str,
        desired: Desired,
        launch: Callable[[int], Instance],
        metrics: MetricsWriter,
        capture: CaptureWriter | None,
    ) -> None:
        self.name, self.desired = name, desired
        self._launch, self._metrics, self._capture = launch, metrics, capture
        self._numbers, self._turn = itertools.count(), itertools.count()
        self._changed = threading.Condition()
        self._instances: list[Instance] = []
        self._serving = 0
        self._in_use: Counter[Instance] = Counter()

    @property
    def running(self) -> int:
        return len(self._instances)

    def grow(self, count: int) -> None:
        """Start instances until there are `count`. Raises what `launch` raises."""
        while self.running < count:
            instance = self._launch(next(self._numbers))
            with self._changed:
                self._instances.append(instance)

    def serve(self, count: int) -> None:
        """From now on the first `count` instances take the requests."""
        with self._changed:
            self._serving = count

    def shrink(self, count: int) -> None:
        """Keep `count` instances. The others finish what they have begun, and are stopped."""
        with self._changed:
            leaving = self._instances[count:]
            del self._instances[count:]
            self._changed.wait_for(
                lambda: not any(self._in_use[instance] for instance in leaving),
                ANSWER_TIMEOUT_S + 1,
            )
        for instance in leaving:
            instance.stop()

    def close(self) -> None:
        """Stop all instances, and send what is kept."""
        self.shrink(0)
        self._metrics.close()
        if self._capture:
            self._capture.close()

    def invoke(self, request: Invocation) -> Answer:
        """The answer of the next instance in turn that can be reached; measured and captured.

        Raises Retired when there is none because the variant has been closed.
        """
        arrived = time.perf_counter()
        passed_over: list[Instance] = []
        while instance := self._take(passed_over):
            try:
                asked = time.perf_counter()
                answer = request.fault and endpoint_faults.answer(request.fault)
                answer = answer or instance.invoke(
                    request.body, request.content_type, request.accept
                )
                self._keep(request, answer, arrived, time.perf_counter() - asked)
                return answer
            except Unreachable:
                passed_over.append(instance)
            finally:
                self._give_back(instance)
        answer = Answer(503, b"No model server can be reached.", "text/plain")
        self._keep(request, answer, arrived, 0.0)
        return answer

    def _take(self, passed_over: list[Instance]) -> Instance | None:
        """The next instance in turn, held until it is given back; None when all were tried."""
        with self._changed:
            if not self._instances:
                raise Retired
            serving = [i for i in self._instances[: self._serving] if i not in passed_over]
            if not serving:
                return None
            instance = serving[next(self._turn) % len(serving)]
            self._in_use[instance] += 1
            return instance

    def _give_back(self, instance: Instance) -> None:
        with self._changed:
            self._in_use[instance] -= 1
            self._changed.notify_all()

    def _keep(self, request: Invocation, answer: Answer, arrived: float, model_s: float) -> None:
        is_lost = request.fault and request.fault.kind == "uncaptured"
        if answer.status == 200 and self._capture and not is_lost:
            self._capture.add(
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
        serving = max(self._serving, 1)
        self._metrics.add(Measurement(answer.status, model_s, overhead_s, 1 / serving))


class Fleet:
    """The variants of one configuration. Counts of instances are by the variant's name."""

    def __init__(self, config: Record, variants: Iterable[Variant]) -> None:
        self.config = config
        self.variants = {variant.name: variant for variant in variants}

    @property
    def desired(self) -> dict[str, Desired]:
        return {name: variant.desired for name, variant in self.variants.items()}

    @property
    def wanted(self) -> dict[str, int]:
        """How many instances there are to be."""
        return {name: variant.desired.instances for name, variant in self.variants.items()}

    @property
    def running(self) -> dict[str, int]:
        return {name: variant.running for name, variant in self.variants.items()}

    def grow(self, counts: Mapping[str, int]) -> None:
        """Start the instances that are missing. Raises JobFailed when one does not start."""
        for name, count in counts.items():
            self.variants[name].grow(count)

    def serve(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            self.variants[name].serve(count)

    def shrink(self, counts: Mapping[str, int]) -> None:
        for name, count in counts.items():
            self.variants[name].shrink(count)

    def close(self) -> None:
        """Let the requests in flight finish, then stop every instance and send what is kept."""
        for variant in self.variants.values():
            variant.close()
