resource "aws_kms_key" "this" {
  description         = "Everything that ${var.prefix} stores: photographs, models, decisions, messages, logs"
  policy              = jsonencode({ Version = "2012-10-17", Statement = local.statements })
  enable_key_rotation = true

  # The longest there is. A key that waits for its end costs nothing, and a table that was deleted
  # by mistake can be restored for 35 days, but not without it.
  deletion_window_in_days = 30
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.prefix}"
  target_key_id = aws_kms_key.this.key_id
}
