resource "aws_iam_role" "this" {
  for_each = local.trust

  name                 = "${var.prefix}-${each.key}"
  permissions_boundary = var.permissions_boundary

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = each.value.service }
      Action    = "sts:AssumeRole"
      Condition = local.trust_conditions[each.key]
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.trust

  name = "least-privilege"
  role = aws_iam_role.this[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for sid, grant in local.permissions[each.key] : merge(
        { Sid = sid, Effect = "Allow", Action = grant.actions, Resource = grant.resources },
        { for element, value in { Condition = try(grant.condition, null) } : element => value if value != null },
      )
    ]
  })
}
