# GitHub's workflows show who they are by a token of a few minutes (OIDC): there is no key to lose.
# A pull request may plan, which reads; a deployment runs in GitHub's environment, which people approve.
locals {
  issuer       = "token.actions.githubusercontent.com"
  provider_arn = local.has_github ? coalesce(var.github_oidc_provider_arn, one(aws_iam_openid_connect_provider.github[*].arn)) : null

  # Who may take which role, as the token's subject says.
  roles = local.has_github ? {
    plan   = { subject = "repo:${var.github_repository}:pull_request", policies = ["plan"] }
    deploy = { subject = "repo:${var.github_repository}:environment:${var.environment}", policies = ["provision", "operate", "scale", "bounded"] }
  } : {}

  # What the policies of docs/policies leave open.
  names = {
    PREFIX      = "${var.project}-${var.environment}"
    PROJECT     = var.project
    ENVIRONMENT = var.environment
    REGION      = var.region
    ACCOUNT     = var.account_id
  }

  policies = local.has_github ? {
    for name in ["plan", "provision", "operate", "scale", "bounded", "boundary"] : name => replace(replace(replace(replace(replace(
      file("${path.module}/../../docs/policies/${name}.json"),
      "PREFIX", local.names.PREFIX), "PROJECT", local.names.PROJECT), "ENVIRONMENT", local.names.ENVIRONMENT), "REGION", local.names.REGION), "ACCOUNT", local.names.ACCOUNT
    )
  } : {}

  attachments = merge([
    for role, of in local.roles : { for policy in of.policies : "${role}-${policy}" => { role = role, policy = policy } }
  ]...)
}

resource "aws_iam_openid_connect_provider" "github" {
  count = local.has_github && var.github_oidc_provider_arn == null ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

# Not named as the environment's own roles are: those the deployment may change, and so it could itself.
resource "aws_iam_role" "github" {
  for_each = local.roles

  name                 = "${var.project}-github-${var.environment}-${each.key}"
  max_session_duration = 7200

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = local.provider_arn }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.issuer}:aud" = "sts.amazonaws.com"
          "${local.issuer}:sub" = each.value.subject
        }
      }
    }]
  })
}

resource "aws_iam_policy" "github" {
  for_each = local.policies

  name   = "${var.project}-github-${var.environment}-${each.key}"
  policy = each.value
}

resource "aws_iam_role_policy_attachment" "github" {
  for_each = local.attachments

  role       = aws_iam_role.github[each.value.role].name
  policy_arn = aws_iam_policy.github[each.value.policy].arn
}
