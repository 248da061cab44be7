# A development environment on AWS. Copy this file to make another environment of your own.

environment = "dev"
region      = "us-east-1"

# Fill in the account so that credentials of another one are refused.
# account_id = "123456789012"

# Where GitHub deploys, what `make bootstrap` prints: no role may do more than it says.
# permissions_boundary = "arn:aws:iam::123456789012:policy/scones-github-dev-boundary"

# Below the threshold that evaluation chose, a person decides. "fail" ends the execution in
# THRESHOLD_CONFIDENCE_NOT_MET instead.
low_confidence_action = "review"

# Where drivers of each vehicle are sent, and how far away their orders may be.
assignments = {
  bicycle    = { loading_bay = "A", max_distance_km = 3 }
  motorcycle = { loading_bay = "B", max_distance_km = 15 }
}

# Development keeps things for a shorter time than the defaults.
upload_retention_days   = 7
capture_retention_days  = 30
decision_retention_days = 90
log_retention_days      = 14

# Who is told. The address gets one message with a link that confirms the subscription.
# alarm_email = "you@example.com"

# monthly_budget_usd = 300 # the same address is told before a month costs more

# One second is generous for a picture of 128 pixels; lower it once real latencies are known.
latency_threshold_ms = 1000
