# The alarms of the monitor, and of what it finds. It runs once in each period of these alarms.
#
# No data is never green. A monitor that says nothing is an alarm of its own. A verdict on drift
# stands until there is another: a night without photographs must not clear it, hence 'ignore'.
#
# Drift informs, however strong. It stays for days, until there is a better model, and a page that is
# on for days hides the next outage.
locals {
  monitor_periods = 2 # one can be empty when the monitor runs a moment late

  for_monitor = {
    for name, alarm in {
      monitor-silent = {
        metric     = "CapturedInferences"
        statistic  = "SampleCount"
        comparison = "LessThanThreshold"
        periods    = local.monitor_periods
        missing    = "breaching"
        meaning    = "The monitor has said nothing for ${local.spans.monitor}: nobody knows how well photographs are being classified."
        action     = "Look at the alarm monitor-errors and the log group /aws/lambda/${local.monitor_name}. If neither says anything, it does not run: look at its schedule. After a first deployment this alarm ends with the monitor's first run; `invoke monitor --env ${var.environment}` runs it at once."
      }
      monitor-errors = {
        namespace  = "AWS/Lambda"
        metric     = "Errors"
        dimensions = { FunctionName = local.monitor_name }
        period_s   = var.alarm_timing.period_s
        meaning    = "The monitor raised an error. Photographs are classified as before, but nobody watches how well."
        action     = "Read the log group /aws/lambda/${local.monitor_name}. What it has not read waits in the artifacts bucket, and its next run goes on from there."
      }
      capture-stopped = {
        metric     = "CaptureRatio"
        statistic  = "Maximum"
        comparison = "LessThanThreshold"
        threshold  = 0.5
        periods    = local.monitor_periods
        meaning    = "For ${local.spans.monitor} less than half of what is to be captured has been: drift cannot be seen."
        action     = "Check that data capture is on (DescribeEndpoint), that SageMaker's role may write to captures/ of the artifacts bucket, and how full the instances' disks are: capture stops on a full one. `invoke endpoint --version N --capture 100 --env ${var.environment}` sets it up again; N is the version in service, as in `invoke models --env ${var.environment}`."
      }
      monitor-behind = {
        metric    = "UnreadFiles"
        statistic = "Minimum"
        periods   = local.monitor_periods
        meaning   = "For ${local.spans.monitor} the monitor has read less than was captured: it looks at ever older photographs, and sees a drift late."
        action    = "After an outage it catches up by itself, window by window. Otherwise there is more traffic than it can read: run it more often (monitor_schedule), or let the endpoint capture a part (`invoke endpoint --version N --capture 20 --env ${var.environment}`; N is the version in service, without it the newest approved one is deployed)."
      }
      damaged-captures = {
        metric  = "DamagedRecords"
        meaning = "Captured records could not be read. They were skipped: what the monitor says leaves them out."
        action  = "The log group /aws/lambda/${local.monitor_name} names the files. A cut line at an end: an instance went away while it wrote. Whole files: somebody else writes to captures/, or the format has changed."
      }
      drift-warn = {
        metric    = "DriftSeverity"
        statistic = "Maximum"
        threshold = local.drift.warn
        missing   = "ignore"
        meaning   = "What is photographed, or how sure the model is, has changed since the model was deployed."
        action    = "Open `invoke report --env ${var.environment}`: it says which signal, since when, and shows pictures. Label some of them. If the model is wrong on them, keep them for the next `invoke retrain --add FOLDER --env ${var.environment}`."
      }
      drift-act = {
        metric    = "DriftSeverity"
        statistic = "Maximum"
        threshold = local.drift.act
        missing   = "ignore"
        meaning   = "What is photographed, or how sure the model is, has changed so much that the model is probably worse than its evaluation says."
        action    = "Open `invoke report --env ${var.environment}`: it shows pictures. The model is new: `invoke rollback --env ${var.environment} --reason WORDS`. A camera, dirt or darkness: mend that. New kinds of pictures: label some, and `invoke retrain --add FOLDER --env ${var.environment}`. Meanwhile look through what is accepted."
      }
    } :
    name => merge({
      namespace  = var.metric_namespace
      dimensions = { Environment = var.environment, service = "monitor" }
      period_s   = var.alarm_timing.monitor_period_s
    }, alarm)
  }

  # How the monitor writes its verdict as a number: 0 none, 1 watch, 2 warn, 3 act.
  drift = { warn = 2, act = 3 }
}
