"""Public benchmarks: data, questions and rules as their authors have them. Each leaf is thin over `ocrtune.scoring`."""
