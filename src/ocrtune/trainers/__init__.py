"""Trainers: ways to fine-tune. Modules with a leading underscore are shared by the trainers."""
