"""The verbs: one file each, with a `Config` and `run(config, into)`. This table is all that the command line's help reads."""

VERBS = {
    "synth": "write PDF documents with known truth, in Russian, Chinese or English",
    "check": "look over labelled data: broken boxes, missing pictures, odd units",
    "prepare": "turn PDFs, images and labels into a dataset with leak-free splits",
    "convert": "write a dataset as conversations in a model's own coordinates, as COCO or as VOC",
    "plan": "what fits your pages: tokens, memory and time per GPU, and the pixels they need",
    "train": "fine-tune a vision-language OCR model (LoRA, DoRA, rsLoRA, QLoRA or full)",
    "merge": "merge an adapter into a standalone checkpoint and prove that nothing changed",
    "evaluate": "read a dataset with an engine and score what came back",
    "score": "score stored predictions again, without a model",
    "compare": "two evaluations, one verdict: better, worse, or cannot tell",
    "benchmark": "the same questions to several models, and which of them reads better",
    "parse": "read documents: Markdown, HTML, JSON, searchable PDF and more",
    "tune": "the whole loop: prepare, evaluate, train, merge, evaluate, compare, report",
    "doctor": "look at this machine: what works, what is missing, and what it is needed for",
}
