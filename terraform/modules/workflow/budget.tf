# The longest that an execution can take, read from the definition itself: every step runs into
# its timeout at every attempt, and every wait is as long as full jitter allows. An attempt that
# was turned away (throttled, or answered with 5xx) comes back at once and is counted with one
# second.
locals {
  states    = jsondecode(local.definition).States
  timeout_s = jsondecode(local.definition).TimeoutSeconds
  tasks     = { for name, state in local.states : name => state if state.Type == "Task" }

  retriers = flatten([
    for name, task in local.tasks : [
      for retrier in task.Retry : {
        attempt_s = contains(retrier.ErrorEquals, "States.Timeout") ? task.TimeoutSeconds : 1
        waits_s = [
          for attempt in range(retrier.MaxAttempts) :
          min(retrier.IntervalSeconds * pow(retrier.BackoffRate, attempt), retrier.MaxDelaySeconds)
        ]
      }
    ]
  ])

  longest_run_s = ceil(sum(concat(
    [for name, task in local.tasks : task.TimeoutSeconds],
    [for retrier in local.retriers : sum(retrier.waits_s) + length(retrier.waits_s) * retrier.attempt_s],
  )))
}
