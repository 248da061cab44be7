locals {
  # One screen: a strip with the alarms, then two rows of three charts.
  charts = [
    {
      title = "Executions a minute, by outcome"
      metrics = [
        for metric in ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"] :
        ["AWS/States", metric, "StateMachineArn", local.state_machine_arn, { stat = "Sum" }]
      ]
    },
    {
      title = "Waiting: for a person (review), for repair (failures)"
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
      title = "Endpoint: model latency in ms"
      metrics = concat(
        [for percentile in ["p50", "p99"] : [{ expression = "${percentile}/1000", label = percentile, id = "${percentile}_ms" }]],
        [for percentile in ["p50", "p99"] : concat(["AWS/SageMaker", "ModelLatency"], local.endpoint_dimension_list, [{ stat = percentile, id = percentile, visible = false }])],
      )
      annotations = { horizontal = [{ label = "alarm", value = var.latency_threshold_ms }] }
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
          alarms = [for name in keys(local.alarms) : "arn:aws:cloudwatch:${var.region}:${var.account_id}:alarm:${var.prefix}-${name}"]
        }
      }],
      [
        for index, chart in local.charts : {
          type   = "metric"
          x      = 8 * (index % 3)
          y      = 3 + 6 * floor(index / 3)
          width  = 8
          height = 6
          properties = merge(
            { title = chart.title, metrics = chart.metrics, region = var.region, period = 60, view = "timeSeries" },
            { for key, value in { annotations = try(chart.annotations, null) } : key => value if value != null },
          )
        }
      ],
    )
  })
}
