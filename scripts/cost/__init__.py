"""What an environment costs: from Terraform's plan, the endpoint's fleet, and the traffic."""
