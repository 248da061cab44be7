# The charts of the dashboard, row by row.
locals {
  charts = concat(local.charts_of_uploads, local.charts_of_the_model, local.charts_of_errors_and_cost)

  charts_of_uploads = [
    {
      title = "Executions a minute, by outcome"
      metrics = [
        for metric in ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"] :
        ["AWS/States", metric, "StateMachineArn", local.state_machine_arn, { stat = "Sum", label = lower(trimprefix(metric, "Executions")) }]
      ]
    },
    {
      title = "Decisions a minute, by outcome"
      metrics = concat(
        [
          [{ expression = "made-review", label = "accepted", id = "accepted" }],
          [{ expression = "FILL(not_a_picture,0)+FILL(refused,0)", label = "rejected", id = "rejected" }],
          [var.metric_namespace, "LowConfidence", "Environment", var.environment, "service", "filter", { stat = "Sum", label = "left to people", id = "review" }],
          [var.metric_namespace, "LowConfidence", "Environment", var.environment, "service", "filter", { stat = "SampleCount", id = "made", visible = false }],
        ],
        [
          for service, id in { serialize = "not_a_picture", infer = "refused" } :
          [var.metric_namespace, "Rejected", "Environment", var.environment, "service", service, { stat = "Sum", id = id, visible = false }]
        ],
      )
    },
    {
      title = "Time of an execution in ms"
      metrics = [
        for percentile in ["p50", "p90", "p99"] :
        ["AWS/States", "ExecutionTime", "StateMachineArn", local.state_machine_arn, { stat = percentile, label = percentile }]
      ]
    },
    {
      title = "Waiting for a person, or for repair"
      metrics = [
        for queue in [local.review_queue, local.failures_queue] :
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue, { stat = "Maximum", label = queue }]
      ]
    },
  ]

  charts_of_the_model = [
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
        [for percentile in local.percentiles : [{ expression = "${percentile}/${local.microseconds_a_ms}", label = percentile, id = "${percentile}_ms" }]],
        [for percentile in local.percentiles : concat(["AWS/SageMaker", "ModelLatency"], local.endpoint_dimension_list, [{ stat = percentile, id = percentile, visible = false }])],
      )
      limits = { alarm = var.latency_threshold_ms, rollback = var.rollback_limits.latency_ms }
    },
    {
      title = "Confidence: share left to people, estimated accuracy"
      metrics = concat(
        [[var.metric_namespace, "LowConfidence", "Environment", var.environment, "service", "filter", { stat = "Average", label = "left to people" }]],
        [
          for metric, label in { LowConfidenceRate = "the same, by the monitor", EstimatedAccuracy = "accuracy, estimated" } :
          [var.metric_namespace, metric, "Environment", var.environment, "service", "monitor", { stat = "Average", label = label, period = var.alarm_timing.monitor_period_s }]
        ],
      )
      limits = { rollback = var.rollback_limits.low_confidence_rate }
      range  = [0, 1]
    },
    {
      title = "Drift: 0 none, 1 watch, 2 warn, 3 act; share captured"
      metrics = [
        for metric, label in { DriftSeverity = "severity", CaptureRatio = "share captured" } :
        [var.metric_namespace, metric, "Environment", var.environment, "service", "monitor", { stat = "Maximum", label = label }]
      ]
      period_s = var.alarm_timing.monitor_period_s
      limits   = local.drift
      range    = [0, local.drift.act]
    },
  ]

  charts_of_errors_and_cost = [
    {
      title = "Errors: share of the endpoint's answers"
      metrics = [
        for metric in ["Invocation4XXErrors", "Invocation5XXErrors"] :
        concat(["AWS/SageMaker", metric], local.endpoint_dimension_list, [{ stat = "Average" }])
      ]
      limits = { "rollback: 4XX" = var.rollback_limits.client_error_rate, "rollback: 5XX" = var.rollback_limits.server_error_rate }
    },
    {
      title = "Functions: errors and throttles a minute"
      metrics = flatten([
        for name, function_name in local.all_functions : [
          for metric in ["Errors", "Throttles"] :
          { row = ["AWS/Lambda", metric, "FunctionName", function_name, { stat = "Sum", label = "${name} ${lower(metric)}" }] }
        ]
      ])[*].row
    },
    {
      title = "Functions: duration in ms, 99th percentile"
      metrics = [
        for name, function_name in local.all_functions :
        ["AWS/Lambda", "Duration", "FunctionName", function_name, { stat = "p99", label = name }]
      ]
    },
    {
      # The endpoint costs the same whether it is asked or not: its use says how many instances it takes.
      title = "What costs money, an hour: use of the endpoint in %, work"
      metrics = concat(
        [
          concat(["/aws/sagemaker/Endpoints", "CPUUtilization"], local.endpoint_dimension_list, [{ stat = "Average", label = "endpoint: CPU in %" }]),
          ["AWS/States", "ExecutionsStarted", "StateMachineArn", local.state_machine_arn, { stat = "Sum", label = "executions", yAxis = "right" }],
          [{ expression = "SUM(METRICS(\"ms\"))/1000", label = "seconds of all functions", id = "work_s", yAxis = "right" }],
        ],
        [
          for name, function_name in local.all_functions :
          ["AWS/Lambda", "Duration", "FunctionName", function_name, { stat = "Sum", id = "ms_${name}", visible = false }]
        ],
      )
      period_s = 3600
    },
  ]

  percentiles             = ["p50", "p90", "p99"]
  all_functions           = merge(local.function_names, { monitor = local.monitor_name })
  endpoint_dimension_list = ["EndpointName", local.endpoint_name, "VariantName", var.endpoint_variant]
}
