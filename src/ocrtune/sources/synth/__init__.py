"""Synthetic documents: words, templates, page renderers, scan-like damage, and the truth about all of it."""
