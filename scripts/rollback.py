"""Back by hand: at once, to the approved version that was deployed before.

What a rollback has begun is one document in the artefact bucket, until the threshold is applied:
one that was stopped on its way is brought to its end by the next run, which goes no further back.
"""

from dataclasses import asdict, dataclass

from scripts import pipeline, release
from scripts.artifacts import Bucket
from scripts.console import Screen
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.pipeline import Provisioned
from scripts.serving import deployment, endpoint, registry
from scripts.serving.deployment import Deployment
from scripts.serving.registry import Version
from scripts.serving.rollout import ALL_AT_ONCE, Rollout

UNFINISHED = "deployments/rollback.json"


@dataclass(frozen=True)
class Rollback:
    """A rollback that was begun.

    left, to:    the names of the models
    version:     of the one to return to
    reason:      why, in a person's words
    config:      of the update, so that it is not made twice
    recorded_at: `deployed_at` of the deployment that was on record before
    """

    left: str
    to: str
    version: int
    reason: str
    config: str
    recorded_at: str


def rollback(
    environment: Environment, provisioned: Provisioned, screen: Screen, reason: str
) -> Deployment:
    """Return to the approved version that was deployed before; reject the present one.

    No alarm is heeded: what fires is why one goes back. Of an unfinished rollback, only the rest is
    done. Raises UserError when there is no earlier version to return to, while somebody else
    changes what serves, when an update that was under way did not take over, and when all that was
    done is to finish a rollback that somebody began for another reason.
    """
    bucket = provisioned.bucket
    with deployment.change(bucket, "rollback") as held:
        begun = _unfinished(bucket)
        is_another = begun is not None and begun.reason != reason
        if begun is None:
            begun = _begin(environment, screen, bucket, reason)
            held.check()
            bucket.write_json(UNFINISHED, asdict(begun))
        else:
            screen.print(
                f"The rollback to version {begun.version} is unfinished, and goes on. To go back "
                "further, run this again afterwards."
            )
        live = deployment.load(bucket)
        if live is None or live.deployed_at == begun.recorded_at:
            live = _return(environment, provisioned, screen, begun)
        held.check()
        pipeline.build_packages(environment, screen)
        pipeline.provision(environment, screen, "apply", "Apply the threshold")
        held.check()
        bucket.delete(UNFINISHED)
        if is_another:
            raise UserError(
                f"Nothing was done but to finish the rollback for '{begun.reason}': version "
                f"{begun.version} serves. If that does harm, run this again."
            )
        return live


def _unfinished(bucket: Bucket) -> Rollback | None:
    """The rollback that was begun and not finished, unless something was deployed since."""
    document = bucket.read_json(UNFINISHED)
    live = deployment.load(bucket)
    if document is None or live is None:
        return None
    begun = Rollback(**document)
    is_current = live.deployed_at == begun.recorded_at or live.model_name == begun.to
    return begun if is_current else None


def _begin(environment: Environment, screen: Screen, bucket: Bucket, reason: str) -> Rollback:
    """What is to be left, and for what. Waits for an update whose process was killed."""
    with screen.step("look", "Look at the endpoint") as step:
        was_taking_over = endpoint.is_taking_over(environment)
        served = endpoint.served_model(environment, step.say)
        live = deployment.require(bucket)
        if was_taking_over and served == live.model_name:
            raise UserError(
                f"The update that was under way did not take over: {served} serves, as before. "
                "Run this again if that is to be left, too."
            )
        left = served or live.model_name
        version = _version_before(environment, bucket, left, live)
        step.result = f"{left} is left for version {version.number}"
    return Rollback(
        left=left,
        to=version.model_name,
        version=version.number,
        reason=reason,
        config=endpoint.new_config_name(environment),
        recorded_at=live.deployed_at,
    )


def _version_before(
    environment: Environment, bucket: Bucket, left: str, live: Deployment
) -> Version:
    """The approved version that was deployed last, of those on record up to now, before `left`.

    What is left need not be on record: the process that deployed it may have been killed.
    """
    for earlier in deployment.history(bucket):
        if earlier.model_name == left or earlier.deployed_at > live.deployed_at:
            continue
        version = registry.of_model(environment, earlier.model_name)
        if version and version.status == registry.APPROVED:
            return version
    leaving = registry.of_model(environment, left)
    name = f"version {leaving.number}" if leaving else left
    raise UserError(f"Nothing approved was deployed before {name}. See: invoke models")


def _return(
    environment: Environment, provisioned: Provisioned, screen: Screen, begun: Rollback
) -> Deployment:
    left = registry.of_model(environment, begun.left)

    def reject() -> None:
        if left:
            why = f"Rolled back by hand: {begun.reason}"
            registry.decide(environment, left, registry.REJECTED, why)

    try:
        deployed = release.deploy_endpoint(
            environment,
            provisioned,
            screen,
            registry.find(environment, str(begun.version)),
            Rollout(ALL_AT_ONCE, bake_s=0),
            config=begun.config,
            # If the record came first, a run that was stopped in between would leave a version
            # approved that does harm.
            before_record=reject,
        )
    except endpoint.RolledBack:
        # Its update has ended: the next try needs another one.
        provisioned.bucket.delete(UNFINISHED)
        raise
    if left:
        screen.print(f"Version {left.number} is left, and rejected: {begun.reason}")
    return deployed
