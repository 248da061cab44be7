"""Stand-ins for the emulated services: they note what they are asked, and can be away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from scripts.localcloud import strategy
from scripts.localcloud.fleet import Fleet, Invocation, Variant
from scripts.localcloud.hosting import Answer, Unreachable
from scripts.localcloud.records import ENDPOINT, ENDPOINT_CONFIG, JobFailed, Record, describe
from scripts.localcloud.strategy import Desired
from scripts.localcloud.traffic import Traffic
from scripts.localcloud.updates import Update


@dataclass
class Service:
    """Any client: each call is noted, and fails while the service is away."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    is_away: bool = False
    exceptions: Any = field(
        default_factory=lambda: SimpleNamespace(
            ResourceAlreadyExistsException=type("AlreadyExists", (Exception,), {}),
            ResourceNotFoundException=type("NotFound", (Exception,), {}),
        )
    )
    failures: list[Exception] = field(default_factory=list)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        def call(**request: Any) -> dict[str, Any]:
            if self.is_away:
                raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
            if self.failures:
                raise self.failures.pop(0)
            self.calls.append((operation, request))
            return {}

        return call

    def made(self, operation: str) -> list[dict[str, Any]]:
        """The requests of one operation, in their order."""
        return [request for name, request in self.calls if name == operation]


@dataclass
class Services:
    """What the local SageMaker uses of the emulator."""

    s3: Service = field(default_factory=Service)
    logs: Service = field(default_factory=Service)
    cloudwatch: Service = field(default_factory=Service)
    region: str = "us-east-1"
    endpoint_url: str = "http://127.0.0.1:9"
    work_dir: Path = Path("/nowhere")


@pytest.fixture
def services() -> Services:
    return Services()


@dataclass(eq=False)
class ModelServer:
    """An instance: it answers with its name, or not at all."""

    name: str
    status: int = 200
    is_dead: bool = False
    is_stopped: bool = False
    asked: list[Any] = field(default_factory=list)

    def invoke(self, *request: Any) -> Answer:
        if self.is_dead:
            raise Unreachable
        self.asked.append(request)
        return Answer(self.status, self.name.encode(), "text/plain")

    def stop(self) -> None:
        self.is_stopped = True


@dataclass
class Notes:
    """A writer of metrics or captures: it keeps what it is given, and notes that it was closed."""

    items: list[Any] = field(default_factory=list)
    is_closed: bool = False

    def add(self, item: Any) -> None:
        self.items.append(item)

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Made:
    """A variant, and what it is made of. Servers are called `<config>-<number>`."""

    config: str
    servers: list[ModelServer] = field(default_factory=list)
    metrics: Notes = field(default_factory=Notes)
    captures: Notes = field(default_factory=Notes)
    # How many may be started; the next one fails.
    may_start: int = 99

    def launch(self, number: int) -> ModelServer:
        if len(self.servers) >= self.may_start:
            raise JobFailed("it does not start")
        self.servers.append(ModelServer(f"{self.config}-{number}"))
        return self.servers[-1]

    def variant(self, name: str = "A", instances: int = 1, weight: float = 1.0) -> Variant:
        """A variant that is to have so many instances, and has none yet."""
        writers: Any = self.metrics, self.captures
        launch: Any = self.launch
        return Variant(name, Desired(instances, weight), launch, *writers)

    def fleet(self, instances: int = 1, weight: float = 1.0) -> Fleet:
        """A fleet of this one variant, not started."""
        record = Record(ENDPOINT_CONFIG, self.config, f"arn:{self.config}", {})
        return Fleet(record, [self.variant(instances=instances, weight=weight)])


@pytest.fixture
def make() -> Callable[..., Made]:
    """make(config): what a variant of that configuration is made of."""
    return Made


@dataclass
class World:
    """An endpoint, the fleet that serves it and the one to come, and a clock of its own.

    `tripped` holds alarms by the second from which on they fire, `meanwhile` runs whenever time
    passes, `history` is what was seen at each look at the alarms: the second, green's share, and
    the endpoint's description.
    """

    made: dict[str, Made]
    blue: Fleet
    green: Fleet
    traffic: Traffic
    record: Record
    clock_s: float = 0.0
    tripped: dict[str, float] = field(default_factory=dict)
    unreadable: set[float] = field(default_factory=set)
    meanwhile: Callable[[], Any] = lambda: None
    history: list[tuple[float, float, dict[str, Any]]] = field(default_factory=list)

    def update(self, config: dict[str, Any] | None) -> dict[str, Any]:
        """Run an update to its end. Returns the endpoint's description."""
        Update(
            self.record,
            self.traffic,
            self.green,
            strategy.plan(config, self.green.wanted, self.blue.wanted),
            self._look,
            now=lambda: self.clock_s,
            sleep=self._pass,
        ).run()
        return describe(self.record)

    def _look(self) -> list[str] | None:
        lanes, green = self.traffic._lanes, self.green.variants["A"]
        share = sum(lane.share for lane in lanes if lane.variant is green)
        self.history.append((self.clock_s, share, describe(self.record)))
        if self.clock_s in self.unreadable:
            return None
        return [name for name, since in self.tripped.items() if self.clock_s >= since]

    def _pass(self, seconds: float) -> None:
        assert seconds > 0
        self.meanwhile()
        self.clock_s += seconds

    def shares(self) -> list[tuple[float, float]]:
        """Green's share whenever it changed: the second, and the share."""
        changes: list[tuple[float, float]] = []
        for clock_s, share, _ in self.history:
            if not changes or changes[-1][1] != share:
                changes.append((clock_s, share))
        return changes

    def stages(self) -> list[tuple[str, str]]:
        """Each stage that green was seen in: its status and message."""
        seen = []
        for _, _, found in self.history:
            if pending := found.get("PendingDeploymentSummary"):
                (status,) = pending["ProductionVariants"][0]["VariantStatus"]
                seen.append((status["Status"], status["StatusMessage"]))
        return list(dict.fromkeys(seen))

    def answer(self) -> str:
        answered = self.traffic.invoke(Invocation(b""))
        assert answered
        return answered[0].body.decode()

    def stopped(self, fleet: str) -> list[bool]:
        """Whether each server that a fleet has ever had is stopped."""
        return [server.is_stopped for server in self.made[fleet].servers]


@pytest.fixture
def world(make: Callable[..., Made]) -> Callable[..., World]:
    """world(blue, green): an endpoint whose fleets have, and are to have, so many instances."""

    def build(blue: int = 2, green: int | None = None) -> World:
        made = {"blue": make("blue"), "green": make("green")}
        old, new = made["blue"].fleet(blue), made["green"].fleet(green or blue)
        old.grow(old.wanted)
        old.serve(old.wanted)
        state = {"EndpointStatus": "Updating", "EndpointConfigName": "blue"}
        return World(made, old, new, Traffic(old), Record(ENDPOINT, "e", "arn", {}, state))

    return build


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """eventually(look): what `look` sees once it is true. Fails after 10 seconds."""

    def wait(look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + 10
        while not (seen := look()):
            assert time.monotonic() < deadline, f"still {seen!r}"
            time.sleep(0.005)
        return seen

    return wait
