# Many photographs at once: a Standard execution whose children classify a group each, with the very
# workflow above. There is one definition; here it is embedded.
locals {
  # Inline, a Map works on 40 at a time, and an Express execution has five minutes for all. Of four
  # groups at a time, three go on while one waits for its slowest photograph.
  group_size = max(1, min(20, floor(var.batch_limits.concurrency / 4)))

  # A Fail would end the whole group: in a batch, the failure is the answer of its photograph.
  states_of_one = {
    for name, state in local.states : name => merge(
      { for field, value in state : field => value if state.Type != "Fail" },
      {
        for field, value in {
          Type = "Pass"
          Output = {
            failed = {
              s3_key = "{% $exists($input.s3_key) ? $input.s3_key : '' %}"
              error  = try(state.Error, "")
              # A state's output ends at 256 KB, and these are those of a whole group.
              cause = try(replace(state.Cause, "/^{%(.*)%}$/", "{% $$substring($1, 0, 1000) %}"), "")
            }
          }
          Next = "Done"
        } : field => value if state.Type == "Fail"
      }
    )
  }

  batch_template = jsondecode(templatefile("${path.module}/batch.asl.json", { artifacts_bucket = var.artifacts_bucket, tolerated_failures_percent = var.batch_limits.tolerated_failures_percent }))
  all            = local.batch_template.States["Classify all"]
  group          = local.all.ItemProcessor
  each = merge(local.group.States["Classify each"], {
    ItemProcessor = {
      ProcessorConfig = { Mode = "INLINE" }
      StartAt         = jsondecode(local.definition).StartAt
      States          = local.states_of_one
    }
  })

  batch = jsonencode(merge(local.batch_template, {
    States = merge(local.batch_template.States, {
      "Classify all" = merge(local.all, {
        MaxConcurrency             = floor(var.batch_limits.concurrency / local.group_size)
        ToleratedFailurePercentage = var.batch_limits.tolerated_failures_percent
        ItemBatcher                = { MaxItemsPerBatch = local.group_size }
        ItemProcessor = merge(local.group, {
          States = merge(local.group.States, { "Classify each" = local.each })
        })
      })
    })
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
