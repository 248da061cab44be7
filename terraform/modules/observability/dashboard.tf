locals {
  # One screen: a strip with the alarms, then two rows of four charts. A line marks from where on
  # an update is rolled back.
  charts = [
    {
      title = "Executions a minute, by outcome"
      metrics = [
        for metric in ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"] :
        ["AWS/States", metric, "StateMachineArn", local.state_machine_arn, { stat = "Sum" }]
      ]
    },
    {
      title = "Waiting for a person, or for repair"
      metrics = [
        for queue in [local.review_queue, local.failures_queue] :
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, { stat = "Maximum", label = queue }]
      ]
    },
    {
      title = "Endpoint: invocations and errors a minute"
      metrics = [
        for metric in ["Invocations", "Invocation4XXErrors", "Invocation5XXErrors"] :
        concat(["AWS/SageMaker", metric], local.endpoint_dimension_list, [{ stat = "Sum" }])
      ]
    },
    {
      title = "Endpoint: share of errors"
      metrics = [
        for metric in ["Invocation4XXErrors", "Invocation5XXErrors"] :
        concat(["AWS/SageMaker", metric], local.endpoint_dimension_list, [{ stat = "Average" }])
      ]
      limits = { "rollback: 4XX" = var.rollback_limits.client_error_rate, "rollback: 5XX" = var.rollback_limits.server_error_rate }
    },
    {
      title = "Endpoint: model latency in ms"
      metrics = concat(
        [for percentile in ["p50", "p99"] : [{ expression = "${percentile}/${local.microseconds_a_ms}", label = percentile, id = "${percentile}_ms" }]],
        [for percentile in ["p50", "p99"] : concat(["AWS/SageMaker", "ModelLatency"], local.endpoint_dimension_list, [{ stat = percentile, id = percentile, visible = false }])],
      )
      limits = { alarm = var.latency_threshold_ms, rollback = var.rollback_limits.latency_ms }
    },
    {
      title = "Decisions: share of low confidence"
      metrics = [
        [var.metric_namespace, "LowConfidence", "Environment", var.environment, "service", "filter", { stat = "Average", label = "left to people" }]
      ]
      limits = { rollback = var.rollback_limits.low_confidence_rate }
    },
    {
      title = "Functions: errors and throttles a minute"
      metrics = flatten([
        for name, function_name in local.function_names : [
          for metric in ["Errors", "Throttles"] :
          { row = ["AWS/Lambda", metric, "FunctionName", function_name, { stat = "Sum", label = "${name} ${lower(metric)}" }] }
        ]
      ])[*].row
    },
    {
      title = "Functions: duration in ms, 99th percentile"
      metrics = [
        for name, function_name in local.function_names :
        ["AWS/Lambda", "Duration", "FunctionName", function_name, { stat = "p99", label = name }]
      ]
    },
  ]

  endpoint_dimension_list = ["EndpointName", local.endpoint_name, "VariantName", var.endpoint_variant]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.prefix

  dashboard_body = jsonencode({
    widgets = concat(
      [{
        type   = "alarm"
        x      = 0
        y      = 0
        width  = 24
        height = 3
        properties = {
          title  = "Alarms"
          alarms = [for name in keys(local.alarms) : "${local.alarm_arn_prefix}-${name}"]
        }
      }],
      [
        for index, chart in local.charts : {
          type   = "metric"
          x      = 6 * (index % 4)
          y      = 3 + 6 * floor(index / 4)
          width  = 6
          height = 6
          properties = merge(
            { title = chart.title, metrics = chart.metrics, region = var.region, period = 60, view = "timeSeries" },
            { for key, limits in { annotations = try(chart.limits, null) } : key => { horizontal = [for label, value in limits : { label = label, value = value }] } if limits != null },
          )
        }
      ],
    )
  })
}
