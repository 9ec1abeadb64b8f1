"""Families: what a model architecture needs. Modules with a leading underscore are shared by the families."""
