# Told by mail when the month's bill of this environment nears what it may cost. AWS counts by tag: in the
# payer's billing console, Environment must be active as a cost allocation tag, once. What another project
# of the account tags with the same name counts, too.
resource "aws_budgets_budget" "month" {
  count = var.monthly_budget_usd == null ? 0 : 1

  name         = var.prefix
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_unit   = "USD"
  limit_amount = tostring(var.monthly_budget_usd)

  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:Environment$%s", var.environment)]
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type          = notification.key
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = [var.alarm_email]
    }
  }
}
