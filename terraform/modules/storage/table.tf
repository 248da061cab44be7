resource "aws_dynamodb_table" "decisions" {
  #checkov:skip=CKV_AWS_119:It is, by default: customer_managed_key
  name         = "${var.prefix}-decisions"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "image_id"

  attribute {
    name = "image_id"
    type = "S"
  }

  # Without a key of ours DynamoDB encrypts with one that it owns.
  server_side_encryption {
    enabled     = var.key != null
    kms_key_arn = one(var.key[*].arn)
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }
}
