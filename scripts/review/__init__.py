"""A plan of Terraform's as a person reviews it: dangers first, in plain words."""
