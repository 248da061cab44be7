# Encrypted with the key that DynamoDB owns, which is always on and costs nothing.
resource "aws_dynamodb_table" "decisions" {
  name         = "${var.prefix}-decisions"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "image_id"

  attribute {
    name = "image_id"
    type = "S"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }
}
