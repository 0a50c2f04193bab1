"""Requests, errors, texts and times: the ground floor that all others share."""
