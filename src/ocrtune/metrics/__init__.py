"""Metrics: what one reading of one sample is worth."""
