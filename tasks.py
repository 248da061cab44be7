"""What can be done, as invoke tasks. They are in scripts/commands, by subject."""

from invoke import Collection

from scripts.commands import (
    batch,
    cost,
    development,
    infrastructure,
    local,
    model,
    operation,
    serving,
    traffic,
)

cloud = Collection("cloud")
cloud.add_task(local.cloud_up, "up")  # type: ignore[arg-type]
cloud.add_task(local.cloud_down, "down")  # type: ignore[arg-type]
cloud.add_task(local.cloud_status, "status")  # type: ignore[arg-type]
cloud.add_task(local.cloud_faults, "faults")  # type: ignore[arg-type]
cloud.add_task(local.cloud_fault, "fault")
cloud.add_task(local.cloud_heal, "heal")  # type: ignore[arg-type]

endpoint = Collection("endpoint")
endpoint.add_task(serving.endpoint, "deploy", default=True)
endpoint.add_task(serving.start, "start")
endpoint.add_task(serving.stop, "stop")

batches = Collection("batch")
batches.add_task(batch.run, "run", default=True)
batches.add_task(batch.status, "status")

namespace = Collection(
    local.setup,
    local.demo,
    infrastructure.package_task,
    infrastructure.plan,
    infrastructure.apply,
    cost.cost,
    model.stage,
    model.train,
    model.evaluate,
    model.models,
    model.approve,
    model.reject,
    serving.rollback,
    serving.retrain,
    infrastructure.deploy,
    operation.classify,
    operation.monitor,
    operation.report,
    operation.redrive,
    operation.forget,
    infrastructure.destroy,
    development.lint,
    development.test,
    development.documents,
    development.security,
    development.soak,
    development.gameday,
    development.bench,
    traffic.traffic,
    batches,
    endpoint,
    cloud,
)
