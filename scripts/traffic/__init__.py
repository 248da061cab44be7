"""Simulated drivers: their photographs, and when they come."""
