# One screen: a strip with the alarms, then three rows of four charts, to be read from left to right:
# what arrives and what becomes of it; the model; errors, functions, and what it all costs. A line marks from
# where on an alarm goes off, or an update is rolled back.
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
          title  = "Alarms of ${var.environment}"
          alarms = [for name in keys(local.descriptions) : "${local.alarm_arn_prefix}-${name}" if name != "unhealthy" || var.endpoint_name != null]
        }
      }],
      [
        for index, chart in local.charts : {
          type   = "metric"
          x      = 6 * (index % 4)
          y      = 3 + 4 * floor(index / 4)
          width  = 6
          height = 4
          properties = merge(
            { title = chart.title, metrics = chart.metrics, region = var.region, period = try(chart.period_s, 60), view = "timeSeries" },
            { for key, limits in { annotations = try(chart.limits, null) } : key => { horizontal = [for label, value in limits : { label = label, value = value }] } if limits != null },
            { for key, range in { yAxis = try(chart.range, null) } : key => { left = { min = range[0], max = range[1] } } if range != null },
          )
        }
      ],
    )
  })
}
