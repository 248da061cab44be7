"""The demo's second half: new pictures arrive, and a challenger takes over in live traffic."""

import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

from scripts import pipeline, release, retrain
from scripts.console import Screen
from scripts.dataset import Dataset
from scripts.dataset.model import Sample
from scripts.deploy import Deployed
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation.gate import Rule
from scripts.operation import workflow
from scripts.retrain import Request, Retraining
from scripts.serving import registry
from scripts.serving.rollout import Rollout

NEW_PICTURES = "new-pictures"
IN_A_PERSONS_PLACE = "the demo approves in a person's place"
_FIGURES = ("accuracy", "accuracy_interval", "threshold", "coverage", "accepted_accuracy")
CLIENTS = 2  # drivers who wait for an answer each, while the endpoint is updated


@dataclass(frozen=True)
class Outcome:
    """What became of the retraining, and of those who used the workflow meanwhile.

    `seconds` are its steps'. `requests` were answered, `failed_requests` were not.
    """

    outcome: str
    reason: str
    gate: dict[str, Any]
    requests: int
    failed_requests: int
    rollout: Rollout
    seconds: dict[str, float]


def hold_back(dataset: Dataset, folder: Path) -> Dataset:
    """The data set with every second training picture of a class; the others go to files.

    They lie in `folder`/new-pictures/<class>/, as people would bring newly labelled ones. Which
    they are depends on the pictures alone.
    """
    new = folder / NEW_PICTURES
    shutil.rmtree(new, ignore_errors=True)
    kept: list[Sample] = []
    for label, name in enumerate(dataset.classes):
        of_class = sorted(
            (sample for sample in dataset.train if sample.label == label),
            key=lambda sample: (sample.content, sample.name),
        )
        kept += of_class[::2]
        (new / name).mkdir(parents=True)
        for sample in of_class[1::2]:
            (new / name / sample.name).write_bytes(sample.data)
    return replace(dataset, train=tuple(kept))


def run(
    environment: Environment,
    screen: Screen,
    first: Deployed,
    hyperparameters: Mapping[str, str],
    rule: Rule,
    folder: Path,
) -> Outcome:
    """Retrain with the pictures that were held back, while the workflow is used.

    What the gate or an alarm refuses is an outcome as good as any: the champion stays. Where the
    gate wants a person, the demo approves, and the outcome says so.
    """
    own = Screen(screen.console)
    traffic = Traffic(environment, first.provisioned.outputs, first.splits.test)
    request = Request(add=str(folder / NEW_PICTURES), hyperparameters=dict(hyperparameters))
    rollout = release.rollout_of(environment, pipeline.open_provisioned(environment))

    def go_on() -> Retraining:
        return retrain.retrain(
            environment, own, request, rule, lambda _: rollout, during_rollout=traffic.flowing
        )

    approved_by_demo = False
    try:
        ended = go_on()
        if ended.outcome is None:
            # Two hundred pictures do not always show what there is to show. Nobody is there to
            # look at those that changed sides, so the demo approves, and says so.
            release.settle(environment, str(ended.version), registry.APPROVED, IN_A_PERSONS_PLACE)
            screen.print(f"  The gate wants a person: {IN_A_PERSONS_PLACE}.")
            approved_by_demo = True
            ended = go_on()
        outcome, reason = str(ended.outcome), ended.reason
    except UserError as error:
        outcome, reason = "stopped", str(error)
    state = retrain.current(first.provisioned.bucket)
    return Outcome(
        outcome=outcome,
        reason=reason,
        gate={**(_gate_summary(state) if state else {}), "approved_by_demo": approved_by_demo},
        requests=traffic.answered,
        failed_requests=traffic.failed,
        rollout=rollout,
        seconds=own.seconds,
    )


def _gate_summary(state: Retraining) -> dict[str, Any]:
    """The verdict, with the figures of the two models that it is about."""
    sides = {"champion": state.champion, "challenger": state.challenger}
    models = {
        side: found and {"version": found["version"], **figures(found["evaluation"])}
        for side, found in sides.items()
    }
    return {**(state.verdict or {}), **models}


def figures(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of an evaluation that a summary shows."""
    return {name: evaluation[name] for name in _FIGURES}


class Traffic:
    """Photographs that are classified one after the other by a few clients at once."""

    def __init__(
        self, environment: Environment, outputs: Mapping[str, Any], samples: Sequence[Sample]
    ) -> None:
        self.answered, self.failed = 0, 0
        self._environment, self._outputs = environment, outputs
        self._samples = cycle(samples)
        self._lock = threading.Lock()
        self._enough = threading.Event()

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Traffic for as long as this is entered."""
        with ThreadPoolExecutor(CLIENTS) as clients:
            for _ in range(CLIENTS):
                clients.submit(self._classify_until_enough)
            try:
                yield
            finally:
                self._enough.set()

    def _classify_until_enough(self) -> None:
        while not self._enough.is_set():
            with self._lock:
                sample = next(self._samples)
            try:
                workflow.classify_bytes(self._environment, self._outputs, sample.name, sample.data)
            except Exception:  # whatever it was: the driver had no answer
                with self._lock:
                    self.failed += 1
            else:
                with self._lock:
                    self.answered += 1
