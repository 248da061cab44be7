# The alarms of the endpoint, whatever model it serves. Those of an update are in rollback.tf.
locals {
  latency_periods = 3

  for_endpoint = {
    endpoint-server-errors = {
      namespace  = "AWS/SageMaker"
      metric     = "Invocation5XXErrors"
      dimensions = local.endpoint_dimensions
      meaning    = "The model or its container fails on requests. They are retried, so photographs are late rather than lost."
      action     = "Read the endpoint's log group /aws/sagemaker/Endpoints/${local.endpoint_name}. If a deployment has just happened, go back to the version before: `invoke rollback --env ${var.environment} --reason WORDS`."
    }
    endpoint-client-errors = {
      namespace  = "AWS/SageMaker"
      metric     = "Invocation4XXErrors"
      dimensions = local.endpoint_dimensions
      threshold  = 5
      period_s   = var.alarm_timing.long_period_s
      meaning    = "The endpoint refuses requests: five or more in ${local.spans.long}. Each refused photograph ends as rejected with the reason model_refused."
      action     = "Check that the model expects image_size_px and application/x-image, and that infer may invoke the endpoint. Throttling also counts here: look at the number of invocations."
    }
    endpoint-latency = {
      namespace          = "AWS/SageMaker"
      metric             = "ModelLatency"
      dimensions         = local.endpoint_dimensions
      statistic          = null
      extended_statistic = "p99"
      threshold          = var.latency_threshold_ms * local.microseconds_a_ms
      periods            = local.latency_periods
      meaning            = "For ${local.spans.latency} the slowest 1 % of answers took longer than ${var.latency_threshold_ms} ms."
      action             = "Look at CPU and memory of the instances, and at the number of invocations: more instances help against load, an earlier model against a slow one."
    }
  }
}
