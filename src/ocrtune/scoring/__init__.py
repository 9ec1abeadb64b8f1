"""Scoring rules: pure functions from texts, boxes and trees to numbers, the floor that metrics and benchmarks stand on.

What is here knows nothing of samples, predictions or runs. A published scorer has its own module, named after it; where it
has versions that disagree, they are named **profiles**, and a bug of a published scorer lives in its profile only, with a
comment that says so. Rules that several of them share are modules of their own:

| module                                       | rule                                                                     |
|----------------------------------------------|--------------------------------------------------------------------------|
| `text`, `normalise`                          | edit distance, CER, WER, NED, character F1, BLEU; named pipelines        |
| `bleu`, `meteor` (`porter`, `wordnet`)       | sentence BLEU and METEOR as NLTK has them                                |
| `pagetext`                                   | the page score that OCRBench v2 and MWS make of them                     |
| `vqa`                                        | contained or similar, ANLS, relaxed accuracy, MME                        |
| `pairs`, `fields`, `literals`                | key-value pairs as OCRBench v2 scores them; key information F1           |
| `boxes`, `icdar` (`polygons`), `coco`        | boxes in answers, IoU; the ICDAR protocol for quads; mAP for boxes       |
| `tables` (`treedist`), `outline`             | TEDS; the tree of headings (STEDS)                                       |
| `formulas`, `order`, `omnidocbench`          | formula edit; reading order; OmniDocBench's clean-up and averages        |
| `cdm` (`_cdm_*`), `assignment`               | symbols of formulas as TeX sets them; the cheapest one-to-one assignment |
| `ocrbench`, `ocrbench_v2`, `mws`, `gemma`    | the published scorers                                                    |
"""
