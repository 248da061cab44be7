"""What Terraform makes, what it is given, and the removal of everything."""
