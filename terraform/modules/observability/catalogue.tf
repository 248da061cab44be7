# Every alarm: what it looks at, when it fires, what that means and what to do. All of these
# metrics are only published when there is something to count, so silence is good news for every
# one of them: 'notBreaching'.
locals {
  defaults = {
    statistic          = "Sum"
    extended_statistic = null
    threshold          = 1
    period_s           = 60
    periods            = 1
    datapoints         = null # as many as there are periods
    missing            = "notBreaching"
    tells              = true
  }

  always = {
    failure-queue-not-empty = {
      namespace  = "AWS/SQS"
      metric     = "ApproximateNumberOfMessagesVisible"
      dimensions = { QueueName = local.failures_queue }
      statistic  = "Maximum"
      meaning    = "Uploads were not classified: ${local.failures_queue} holds their inputs."
      action     = "A second message says which pictures, with which error. Mend the cause, then run `invoke redrive --env ${var.environment}`: it shows all of them, and gives each another try."
    }
  }

  for_workflow = {
    executions-failed = {
      namespace  = "AWS/States"
      metric     = "ExecutionsFailed"
      dimensions = { StateMachineArn = local.state_machine_arn }
      meaning    = "The workflow failed for at least one photograph, after all retries."
      action     = "The input waits in ${local.failures_queue} with the error. Errors of the endpoint: look at the endpoint's alarms. AccessDenied: a permission changed. InvalidInput: a caller sent something wrong."
    }
    executions-timed-out = {
      namespace  = "AWS/States"
      metric     = "ExecutionsTimedOut"
      dimensions = { StateMachineArn = local.state_machine_arn }
      meaning    = "An execution was cut off by its time limit, which timeouts and retries should make impossible: its input is not in the failure queue."
      action     = "Find photographs without a decision: compare the uploads bucket with the decisions table for this hour, and start the state machine for each."
    }
    endpoint-server-errors = {
      namespace  = "AWS/SageMaker"
      metric     = "Invocation5XXErrors"
      dimensions = local.endpoint_dimensions
      meaning    = "The model or its container fails on requests. They are retried, so photographs are late rather than lost."
      action     = "Read the endpoint's log group /aws/sagemaker/Endpoints/${local.endpoint_name}. If a deployment has just happened, go back to the configuration before it."
    }
    endpoint-client-errors = {
      namespace  = "AWS/SageMaker"
      metric     = "Invocation4XXErrors"
      dimensions = local.endpoint_dimensions
      threshold  = 5
      period_s   = 300
      meaning    = "The endpoint refuses requests: five or more in five minutes. Each refused photograph ends as rejected with the reason model_refused."
      action     = "Check that the model expects image_size_px and application/x-image, and that infer may invoke the endpoint. Throttling also counts here: look at the number of invocations."
    }
    endpoint-latency = {
      namespace          = "AWS/SageMaker"
      metric             = "ModelLatency"
      dimensions         = local.endpoint_dimensions
      statistic          = null
      extended_statistic = "p99"
      threshold          = var.latency_threshold_ms * local.microseconds_a_ms
      periods            = 3
      meaning            = "For three minutes the slowest 1 % of answers took longer than ${var.latency_threshold_ms} ms."
      action             = "Look at CPU and memory of the instances, and at the number of invocations: more instances help against load, an earlier model against a slow one."
    }
  }

  for_functions = merge([
    for name, function_name in local.function_names : {
      "${name}-errors" = {
        namespace  = "AWS/Lambda"
        metric     = "Errors"
        dimensions = { FunctionName = function_name }
        meaning    = "The function ${name} raised an error. Errors that can heal are retried; the others end in ${local.failures_queue}."
        action     = "Read the log group /aws/lambda/${function_name}, and the messages of ${local.failures_queue}."
      }
      "${name}-throttles" = {
        namespace  = "AWS/Lambda"
        metric     = "Throttles"
        dimensions = { FunctionName = function_name }
        period_s   = 300
        threshold  = 10
        meaning    = "Lambda turned away ten or more calls of ${name} in five minutes. They are retried for some seconds, and then fail."
        action     = "Compare concurrent executions with the account's quota, and ask for a higher one."
      }
    }
  ]...)

  alarms = {
    for name, alarm in merge(local.always, { for name, alarm in merge(local.for_workflow, local.for_functions, local.for_rollback) : name => alarm if var.endpoint_name != null }) :
    name => merge(local.defaults, alarm)
  }
}
