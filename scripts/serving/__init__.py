"""Models in service: their versions, the endpoint, its updates, and the record of what is live."""
