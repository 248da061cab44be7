"""The whole workflow on this machine, from an empty cloud to an empty cloud."""

import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts import deploy, pipeline, retrain
from scripts.console import Screen
from scripts.demo import retraining, uploads
from scripts.environment import BUILD, Environment
from scripts.evaluation.gate import Rule
from scripts.serving import deployment

FOLDER = BUILD / "demo"


def run(
    environment: Environment,
    screen: Screen,
    source: Path | None,
    *,
    keep: bool,
    hyperparameters: Mapping[str, str] | None = None,
    rule: Rule | None = None,
    folder: Path = FOLDER,
) -> dict[str, Any]:
    """Run the demo in a local cloud that is up; returns summary.json's content.

    Leaves summary.json and report.html in `folder`. Unless `keep`, everything is removed again.
    """
    started = time.monotonic()
    rule = rule or Rule()
    first = deploy.deploy(
        environment,
        screen,
        lambda step, labels: retraining.hold_back(
            pipeline.read_dataset(step, source, labels), folder
        ),
        hyperparameters=hyperparameters,
        rule=rule,
    )
    second = retraining.run(environment, screen, first, hyperparameters or {}, rule, folder)
    provisioned = pipeline.open_provisioned(environment)
    deployed = deployment.load(provisioned.bucket) or first.deployment
    result = uploads.classify_everything(environment, provisioned, screen, first.splits, deployed)
    answer = uploads.classify_one(environment, provisioned, screen, first.splits, folder)
    drift = uploads.look_for_drift(environment, provisioned, screen, deployed, result)
    data = uploads.report(environment, provisioned, screen, deployed, result, folder)
    remaining = None if keep else pipeline.destroy(environment, screen)
    summary = {
        "dataset": {
            **{part: sum(counts.values()) for part, counts in first.staged.counts.items()},
            "classes": list(deployed.labels),
        },
        "training": {
            "algorithm": first.trained.algorithm,
            "seconds": first.trained.seconds,
            "job": first.trained.job,
        },
        "evaluation": retraining.figures(deployed.evaluation),
        "gate": second.gate,
        "deployment": {
            "outcome": second.outcome,
            "reason": second.reason,
            "version": deployed.version,
            "strategy": second.rollout.strategy,
            "bake_s": second.rollout.bake_s,
            "alarms": list(second.rollout.alarms),
            "seconds": second.seconds.get("endpoint"),
            "requests": second.requests,
            "failed_requests": second.failed_requests,
        },
        "workflow": uploads.workflow_summary(result),
        "classify": answer,
        "capture": {"records": data.captured_records},
        "drift": drift,
        "cleanup": {"remaining": None if remaining is None else len(remaining)},
        "seconds": {
            **screen.seconds,
            **{f"retrain_{name}": value for name, value in second.seconds.items()},
            "total": round(time.monotonic() - started, 2),
        },
        "versions": versions(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    return summary


def problems(summary: Mapping[str, Any]) -> str:
    """What went wrong in a demo, in one line; empty when all went well."""
    counts = summary["workflow"]
    wrong = [
        f"{counts[name]} uploads {name}" for name in ("failed", "missing") if counts[name] != 0
    ]
    if counts["duplicates"]:
        wrong.append(f"{counts['duplicates']} answers given twice")
    if counts["rejected"] != uploads.NO_PICTURES:
        wrong.append(f"{counts['rejected']} uploads rejected instead of {uploads.NO_PICTURES}")
    if summary["deployment"]["outcome"] != retrain.DEPLOYED:
        wrong.append(f"the challenger is not deployed: {summary['deployment']['reason']}")
    elif not summary["deployment"]["requests"]:
        wrong.append("nobody used the workflow while the challenger was deployed")
    if summary["deployment"]["failed_requests"]:
        wrong.append(f"{summary['deployment']['failed_requests']} requests failed meanwhile")
    if summary["cleanup"]["remaining"]:
        wrong.append(f"{summary['cleanup']['remaining']} resources left behind")
    return ", ".join(wrong)


def versions() -> dict[str, str]:
    """Of what matters to the figures."""
    from importlib.metadata import version

    names = ("ministack", "moto", "sagemaker", "torch", "onnxruntime", "pillow")
    return {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        **{name: version(name) for name in names},
    }
