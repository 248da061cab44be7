# AWS emulated on the loopback interface of this machine. Everything lives for minutes.

environment = "local"
account_id  = "000000000000" # the emulated account: a real one is refused

# Packages are built for this interpreter and bring a bootstrap that starts AWS's own runtime
# client. `packages` is a link in the folder that Terraform runs in.
lambda_runtime      = "provided.al2023"
lambda_architecture = "x86_64"
package_dir         = "packages"

# Nothing here grows old, and setting up the expiry of objects takes the provider a minute.
expire_objects     = false
log_retention_days = 1

# An update bakes for seconds here, so the alarms look every 10 s; SageMaker's metrics arrive every
# second. A model answers in about 4 ms, but two busy cores can make a p99 of 100 ms of that.
rollback_timing = { period_s = 10, evaluation_periods = 2, datapoints_to_alarm = 2 }
rollback_limits = { latency_ms = 250 }

# The other alarms look as often. The monitor's wait for a run a minute.
alarm_timing = { period_s = 10, long_period_s = 30, monitor_period_s = 60 }

# Two cores serve no more than this at a time.
batch_limits = { concurrency = 8 }

# A model server is one of few processes on few cores. AWS's minute lasts 3 s here.
endpoint_scaling = { invocations_per_instance = 1200, scale_out_cooldown_s = 5, scale_in_cooldown_s = 25 }

# EventBridge has no shorter rate. Windows may be of seconds: `invoke monitor` looks at once.
monitor_schedule        = "rate(1 minute)"
monitor_metric_period_s = 1
