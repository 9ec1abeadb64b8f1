"""Scoring rules: pure functions from texts, boxes and trees to numbers, the floor that metrics and benchmarks stand on.

What is here knows nothing of samples, predictions or runs. A published scorer has its own module, named after it; where it
has versions that disagree, they are named **profiles**, and a bug of a published scorer lives in its profile only, with a
comment that says so. Rules that several of them share are modules of their own:

| module                          | rule                                                                                     |
|---------------------------------|------------------------------------------------------------------------------------------|
| `text`                          | edit distance, CER, WER, NED, character F1, BLEU                                         |
| `bleu`, `meteor`, `pagetext`    | sentence BLEU, METEOR, and the page score that OCRBench v2 and MWS make of them          |
| `vqa`                           | contained or similar, ANLS, relaxed accuracy, MME                                        |
| `pairs`, `fields`               | key-value pairs as OCRBench v2 reads and scores them; key information F1                 |
| `boxes`, `detection`, `icdar`, `coco` | coordinates in text, IoU; the ICDAR protocol; mAP                                  |
| `tables`, `outline`, `formulas`, `order` | TEDS; tree of headings; formula edit; reading order                             |
| `ocrbench`, `ocrbench_v2`, `mws`, `gemma` | the published scorers                                                          |
"""
