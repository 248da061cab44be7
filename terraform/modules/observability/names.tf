# What is watched, by name: CloudWatch takes metrics and alarms for things that do not exist yet.
locals {
  function_names    = { for name in ["serialize", "infer", "filter"] : name => "${var.prefix}-${name}" }
  monitor_name      = "${var.prefix}-monitor"
  state_machine_arn = "arn:aws:states:${var.region}:${var.account_id}:stateMachine:${var.prefix}-classify"
  review_queue      = "${var.prefix}-review"
  failures_queue    = "${var.prefix}-failures"
  endpoint_name     = coalesce(var.endpoint_name, var.prefix)

  alarm_arn_prefix = "arn:aws:cloudwatch:${var.region}:${var.account_id}:alarm:${var.prefix}"

  # SageMaker reports latency in microseconds; people think of it, and set limits, in milliseconds.
  microseconds_a_ms = 1000

  decision_dimensions = { Environment = var.environment, service = "filter" }
  endpoint_dimensions = { EndpointName = local.endpoint_name, VariantName = var.endpoint_variant }
}
