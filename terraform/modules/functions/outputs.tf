output "functions" {
  description = "ARN, name and timeout of each function, for what calls them."
  value = {
    for name, function in aws_lambda_function.this : name => {
      arn       = function.arn
      name      = function.function_name
      timeout_s = function.timeout
    }
  }
}

output "function_names" {
  description = "Name of each function."
  value       = { for name, function in aws_lambda_function.this : name => function.function_name }
}
