"""The whole loop in Python: documents with known truth → dataset → base → fine-tuned → verdict.

    python examples/fine_tune.py MODEL      # a checkpoint folder or hub id

Give it again and it goes on where it stopped.
"""

import sys

import ocrtune

model = sys.argv[1]
data = ocrtune.prepare([ocrtune.synth(languages=["ru"], count=20)], unit="line", val=100, test=200)
base = ocrtune.evaluate(data, model=model)
tuned = ocrtune.train(data, model, max_minutes=5)
merged = ocrtune.merge(tuned)
better = ocrtune.evaluate(data, model=merged)
verdict = ocrtune.compare(base, better)
print(verdict.result.comparison.statement, verdict.outputs["report"], sep="\n")
