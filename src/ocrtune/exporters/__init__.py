"""Parsed documents as files."""
