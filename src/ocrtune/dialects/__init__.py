"""The languages that prompts and answers are written in."""
