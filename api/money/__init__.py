"""Requests, their prices and their jobs."""
