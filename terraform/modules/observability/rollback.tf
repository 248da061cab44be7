# The alarms that roll an update of the endpoint back: SageMaker watches them while a new model
# bakes. They stand at the endpoint's variant, where the old and the new model count together, so
# a canary dilutes them: of a new model that fails on everything, a canary of 10 % shows 10 %.
#
# Rates, and not counts: a limit then means the same at any traffic. On a handful of requests a rate
# says little, though: one failure among five is 20 %, and the p99 of five answers is the slowest.
# Hence a limit must be passed in several periods (rollback_timing; by default in two of three
# minutes), which one stray failure cannot do. A fault of the model on a share of the pictures
# returns in every period. Low confidence is different, because some is normal: with 5 % of it and
# one photograph a minute, two of three minutes would be 'low' within 15 minutes in one case out of
# 17, and three of three in one out of 640. That alarm therefore needs every one of the periods.
# Without traffic nothing is known, and nothing is rolled back.
#
# They tell people, too. endpoint-server-errors, endpoint-client-errors and endpoint-latency ask for
# less or look longer; these say that an update does not get through.
locals {
  for_rollback = {
    for name, alarm in {
      rollback-5xx-rate = {
        namespace  = "AWS/SageMaker"
        metric     = "Invocation5XXErrors"
        dimensions = local.endpoint_dimensions
        statistic  = "Average" # SageMaker publishes 0 or 1 for each request
        threshold  = var.rollback_limits.server_error_rate
        meaning    = "The model fails on ${local.percent.server_error_rate} % or more of the requests${local.for_how_long.some}."
        action     = "Read what the new model logged in /aws/sagemaker/Endpoints/${local.endpoint_name}, and mend it before the next update."
      }
      rollback-4xx-rate = {
        namespace  = "AWS/SageMaker"
        metric     = "Invocation4XXErrors"
        dimensions = local.endpoint_dimensions
        statistic  = "Average"
        threshold  = var.rollback_limits.client_error_rate
        meaning    = "The endpoint refuses ${local.percent.client_error_rate} % or more of the requests${local.for_how_long.some}."
        action     = "Check that the new model takes application/x-image at image_size_px. Throttling also counts here: compare the number of invocations."
      }
      rollback-latency-p99 = {
        namespace          = "AWS/SageMaker"
        metric             = "ModelLatency"
        dimensions         = local.endpoint_dimensions
        statistic          = null
        extended_statistic = "p99"
        threshold          = var.rollback_limits.latency_ms * local.microseconds_a_ms
        meaning            = "The slowest 1 % of answers take ${var.rollback_limits.latency_ms} ms or longer${local.for_how_long.some}."
        action             = "Compare the new model's size and its instances with the old one's; measure it before the next update."
      }
      rollback-low-confidence-rate = {
        namespace  = var.metric_namespace
        metric     = "LowConfidence"
        dimensions = local.decision_dimensions
        statistic  = "Average" # filter publishes 0 or 1 for each decision
        threshold  = var.rollback_limits.low_confidence_rate
        datapoints = var.rollback_timing.evaluation_periods
        meaning    = "${local.percent.low_confidence_rate} % or more of the photographs are left to people${local.for_how_long.all}."
        action     = "After an update: compare the new model's confidence on recent pictures with its evaluation. Otherwise look at the pictures in the review queue: a dirty lens, night, or another kind of vehicle."
      }
      } : name => merge({
        period_s   = var.rollback_timing.period_s
        periods    = var.rollback_timing.evaluation_periods
        datapoints = var.rollback_timing.datapoints_to_alarm
        }, alarm, {
        meaning = "${alarm.meaning} An update that is under way is rolled back by SageMaker."
        action  = "An update goes back by itself, and DescribeEndpoint names this alarm; without one, `invoke rollback --env ${var.environment} --reason WORDS` returns to the version before. ${alarm.action}"
    })
  }

  percent = { for name, limit in var.rollback_limits : name => format("%.4g", limit * 100) if endswith(name, "_rate") }

  for_how_long = {
    for which, datapoints in { some = var.rollback_timing.datapoints_to_alarm, all = var.rollback_timing.evaluation_periods } :
    which => ", in ${datapoints} of the last ${var.rollback_timing.evaluation_periods} periods of ${var.rollback_timing.period_s} s"
  }
}
