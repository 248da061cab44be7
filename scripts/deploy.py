"""Everything from packages to a running workflow: the first deployment of an environment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from scripts import pipeline, release
from scripts.console import Screen, Step
from scripts.dataset import Dataset, StagedDataset, make_splits
from scripts.dataset.model import Splits
from scripts.environment import Environment
from scripts.evaluation.evaluate import Evaluation
from scripts.evaluation.gate import Rule
from scripts.pipeline import Provisioned
from scripts.serving import deployment
from scripts.serving.deployment import Deployment
from scripts.training import train
from scripts.training.train import TrainingResult


@dataclass(frozen=True)
class Deployed:
    """What `deploy` did, step by step."""

    provisioned: Provisioned
    splits: Splits
    staged: StagedDataset
    trained: TrainingResult
    evaluation: Evaluation
    deployment: Deployment


def deploy(
    environment: Environment,
    screen: Screen,
    dataset: Callable[[Step, Sequence[str]], Dataset],
    *,
    hyperparameters: Mapping[str, object] | None = None,
    algorithm: str = train.EFFICIENTNET,
    instance_type: str | None = None,
    rule: Rule | None = None,
) -> Deployed:
    """Everything from packages to a running workflow, in the order that it has to be.

    `dataset` reads the pictures of the environment's labels, which it is given.
    Raises UserError when the gate does not approve the model, and when somebody else changes what
    serves when it is to take over.
    """
    pipeline.build_packages(environment, screen)
    provisioned = pipeline.provision(environment, screen)
    with screen.step("stage", "Stage data") as step:
        found = dataset(step, provisioned.outputs["labels"])
        splits = make_splits(found)
        staged = pipeline.stage_splits(provisioned, step, splits, found.classes)
        pipeline.use_dataset(provisioned.bucket, staged.dataset_id)
    trained = pipeline.train_model(
        environment,
        provisioned,
        screen,
        hyperparameters or {},
        algorithm=algorithm,
        instance_type=instance_type,
    )
    model, evaluation = pipeline.evaluate_model(environment, provisioned, screen, trained.job)
    version, _ = release.gate_model(
        environment, provisioned, screen, model, evaluation, rule or Rule()
    )
    rollout = release.rollout_of(environment, provisioned)
    with deployment.change(provisioned.bucket, "rollout"):
        deployed = release.deploy_endpoint(environment, provisioned, screen, version, rollout)
        provisioned = pipeline.provision(environment, screen, "apply", "Provision the workflow")
    return Deployed(provisioned, splits, staged, trained, evaluation, deployed)
