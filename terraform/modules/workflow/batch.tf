# Many photographs at once: a Standard execution whose children are the very workflow above. There is
# one definition; here it is embedded.
locals {
  children = {
    MaxConcurrency             = var.batch_limits.concurrency
    ToleratedFailurePercentage = var.batch_limits.tolerated_failures_percent
    ItemProcessor = {
      ProcessorConfig = { Mode = "DISTRIBUTED", ExecutionType = "EXPRESS" }
      StartAt         = jsondecode(local.definition).StartAt
      States          = local.states
    }
  }

  template = jsondecode(templatefile("${path.module}/batch.asl.json", { artifacts_bucket = var.artifacts_bucket }))

  batch = jsonencode(merge(local.template, {
    States = {
      for name, state in local.template.States : name => merge(state, { for field, value in local.children : field => value if state.Type == "Map" })
    }
  }))
}

# Standard: it may take days, its name is taken once, and its progress can be asked for.
resource "aws_sfn_state_machine" "batch" {
  #checkov:skip=CKV_AWS_285:It is logged, but for what travels through it: pictures are personal data
  name       = "${var.prefix}-batch"
  type       = "STANDARD"
  role_arn   = var.role_arns["batch"]
  definition = local.batch

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.batch.arn}:*"
  }

  tracing_configuration {
    enabled = true
  }
}

resource "aws_cloudwatch_log_group" "batch" {
  name              = "/aws/vendedlogs/states/${var.prefix}-batch"
  retention_in_days = var.log_retention_days
  kms_key_id        = one(var.key[*].arn)
}
