locals {
  record_item = templatefile("${path.module}/record-item.jsonata", {
    decision_retention_s = var.decision_retention_days * 24 * 3600
  })

  definition = templatefile("${path.module}/classify.asl.json", {
    serialize_arn      = var.functions["serialize"].arn
    infer_arn          = var.functions["infer"].arn
    filter_arn         = var.functions["filter"].arn
    decisions_table    = var.decisions_table
    review_queue_url   = var.review_queue_url
    failures_queue_url = var.failures_queue_url
    # It stands inside a JSON string, so it goes in escaped and without its own quotes.
    record_item = trimsuffix(trimprefix(jsonencode(trimspace(local.record_item)), "\""), "\"")
  })
}

# Express: at most five minutes, paid by use, and StartSyncExecution for callers who wait.
resource "aws_sfn_state_machine" "classify" {
  #checkov:skip=CKV_AWS_285:It is logged, but for what travels through it: pictures are personal data
  name       = "${var.prefix}-classify"
  type       = "EXPRESS"
  role_arn   = var.role_arns["workflow"]
  definition = local.definition

  # Names and errors of the steps, never what travels between them: pictures are personal data.
  logging_configuration {
    level                  = "ERROR"
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.classify.arn}:*"
  }

  tracing_configuration {
    enabled = true
  }

  lifecycle {
    precondition {
      condition     = local.longest_run_s < local.timeout_s && local.timeout_s < 300
      error_message = "Timeouts and retries of all steps add up to ${local.longest_run_s} s. That must stay below the state machine's ${local.timeout_s} s, and those below Express's 300 s: otherwise an execution can end before its input is kept."
    }

    precondition {
      condition     = alltrue([for name, function in var.functions : function.timeout_s < local.states[title(name)].TimeoutSeconds])
      error_message = "A function's timeout must be shorter than that of its state, or the state gives up before the function can say what went wrong."
    }
  }
}

# The name under /aws/vendedlogs/ keeps the account's log resource policy within its size limit.
resource "aws_cloudwatch_log_group" "classify" {
  name              = "/aws/vendedlogs/states/${var.prefix}-classify"
  retention_in_days = var.log_retention_days
  kms_key_id        = one(var.key[*].arn)
}
