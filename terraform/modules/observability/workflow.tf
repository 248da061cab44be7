# The alarms of the state machine and of its functions.
#
# One failed execution informs: its input waits in the failure queue. It pages when executions fail
# again and again. The window is so much longer than three periods because a quiet service may
# classify a photograph every few minutes, and all of them fail.
locals {
  failing = { periods = 3 * var.alarm_timing.long_period_s / var.alarm_timing.period_s, datapoints = 3 }

  for_workflow = {
    executions-failed = {
      namespace  = "AWS/States"
      metric     = "ExecutionsFailed"
      dimensions = { StateMachineArn = local.state_machine_arn }
      meaning    = "The workflow failed for at least one photograph, after all retries."
      action     = "A second message says which ones, with which error; `invoke redrive --env ${var.environment}` gives each another try. Errors of the endpoint: look at the endpoint's alarms. AccessDenied: a permission changed. InvalidInput: a caller sent something wrong."
    }
    executions-keep-failing = {
      severity   = "page"
      namespace  = "AWS/States"
      metric     = "ExecutionsFailed"
      dimensions = { StateMachineArn = local.state_machine_arn }
      periods    = local.failing.periods
      datapoints = local.failing.datapoints
      meaning    = "The workflow fails again and again: in ${local.failing.datapoints} periods of ${var.alarm_timing.period_s} s within ${local.spans.failing}."
      action     = "Find what the failures have in common: the message about ${local.failures_queue} names their errors. If an update or a deployment has just happened, go back: `invoke rollback --env ${var.environment} --reason WORDS`. Then `invoke redrive --env ${var.environment}`."
    }
    executions-timed-out = {
      severity   = "page"
      namespace  = "AWS/States"
      metric     = "ExecutionsTimedOut"
      dimensions = { StateMachineArn = local.state_machine_arn }
      meaning    = "An execution was cut off by its time limit, which timeouts and retries should make impossible: its input is not in the failure queue."
      action     = "`invoke batch s3://${var.prefix}-uploads-${var.account_id}/incoming/ --env ${var.environment}` classifies exactly the photographs without a decision, or whose decision nobody was told of; wait six minutes first. Then find out why the retries took longer than planned: somebody has changed the definition by hand, or Step Functions was slow."
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
        period_s   = var.alarm_timing.long_period_s
        threshold  = 10
        meaning    = "Lambda turned away ten or more calls of ${name} in ${local.spans.long}. They are retried for some seconds, and then fail."
        action     = "Compare concurrent executions with the account's quota, and ask for a higher one."
      }
    }
  ]...)
}
