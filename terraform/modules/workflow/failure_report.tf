# An alarm's own message is written before anything happens, so it cannot say which picture failed.
# When executions-failed goes off, this small state machine looks into the failure queue and tells:
# once for each alarm, however many pictures failed. (The queue's own alarm stays on while anything
# waits, so it would not tell of the next outage.)
locals {
  failure_details = templatefile("${path.module}/failure-details.jsonata", {})

  failure_report = templatefile("${path.module}/report-failures.asl.json", {
    prefix             = var.prefix
    environment        = var.environment
    failures_queue     = element(split(":", var.failures_queue_arn), 5)
    failures_queue_url = var.failures_queue_url
    alarm_topic_arn    = var.alarm_topic_arn
    details            = trimsuffix(trimprefix(jsonencode(trimspace(local.failure_details)), "\""), "\"")
  })
}

resource "aws_sfn_state_machine" "failure_report" {
  #checkov:skip=CKV_AWS_285:It is logged, but for what travels through it: names of photographs are personal data
  name       = "${var.prefix}-failure-report"
  type       = "EXPRESS"
  role_arn   = var.role_arns["reporter"]
  definition = local.failure_report

  logging_configuration {
    level                  = "ERROR"
    include_execution_data = false
    log_destination        = "${aws_cloudwatch_log_group.failure_report.arn}:*"
  }

  tracing_configuration {
    enabled = true
  }
}

resource "aws_cloudwatch_log_group" "failure_report" {
  name              = "/aws/vendedlogs/states/${var.prefix}-failure-report"
  retention_in_days = var.log_retention_days
  kms_key_id        = one(var.key[*].arn)
}

resource "aws_cloudwatch_event_rule" "failures" {
  name        = "${var.prefix}-failures"
  description = "The alarm of failed executions went off"

  event_pattern = jsonencode({
    source      = ["aws.cloudwatch"]
    detail-type = ["CloudWatch Alarm State Change"]
    resources   = [var.failures_alarm_arn]
    detail      = { state = { value = ["ALARM"] } }
  })
}

resource "aws_cloudwatch_event_target" "failure_report" {
  rule      = aws_cloudwatch_event_rule.failures.name
  target_id = "failure-report"
  arn       = aws_sfn_state_machine.failure_report.arn
  role_arn  = var.role_arns["events"]
}
