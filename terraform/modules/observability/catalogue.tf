# Every alarm: what it looks at, when it fires, how urgent it is, what that means and what to do.
#
# 'page' gets somebody out of bed: photographs are not being classified, now (unhealthy.tf). 'inform'
# can wait for the morning: it heals by itself, or nothing is lost while it waits.
#
# Most of these metrics are only published when there is something to count, so that silence is good
# news: 'notBreaching'. Where it is not, the alarm says so.
locals {
  defaults = {
    severity           = "inform"
    statistic          = "Sum"
    extended_statistic = null
    comparison         = "GreaterThanOrEqualToThreshold"
    threshold          = 1
    period_s           = var.alarm_timing.period_s
    periods            = 1
    datapoints         = null # as many as there are periods
    missing            = "notBreaching"
  }

  always = {
    failure-queue-not-empty = {
      namespace  = "AWS/SQS"
      metric     = "ApproximateNumberOfMessagesVisible"
      dimensions = { QueueName = local.failures_queue }
      statistic  = "Maximum"
      meaning    = "Uploads were not classified: ${local.failures_queue} holds their inputs for 14 days."
      action     = "`invoke redrive --env ${var.environment}` shows which pictures, with which error. Mend the cause; then it gives each another try."
    }
  }

  alarms = {
    for name, alarm in merge(
      local.always,
      { for name, alarm in merge(local.for_workflow, local.for_functions, local.for_endpoint, local.for_rollback, local.for_monitor) : name => alarm if var.endpoint_name != null },
    ) : name => merge(local.defaults, alarm)
  }

  # How an alarm says what it looks back on.
  spans = {
    for name, span_s in {
      long    = var.alarm_timing.long_period_s
      latency = local.latency_periods * var.alarm_timing.period_s
      failing = local.failing.periods * var.alarm_timing.period_s
      monitor = local.monitor_periods * var.alarm_timing.monitor_period_s
    } :
    name => span_s % 3600 == 0 ? "${span_s / 3600} h" : span_s % 60 == 0 ? "${span_s / 60} min" : "${span_s} s"
  }
}
