"""Shelves: literal tables of plug-in names, plus entry points. The only place that imports leaves, and only on demand."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from ocrtune.config import closest
from ocrtune.contracts import Benchmark, Dialect, Engine, Exporter, Family, Generator, Metric, Source, Trainer
from ocrtune.errors import ConfigError

P = TypeVar("P")


class Shelf(Generic[P]):
    """Plug-ins of one kind by name. Other packages add theirs with an entry point in group `ocrtune.<kind>`."""

    def __init__(self, kind: str, table: Mapping[str, str]) -> None:
        self.kind = kind
        self._table = dict(table)

    def names(self) -> list[str]:
        return sorted({*self._table, *(e.name for e in entry_points(group=f"ocrtune.{self.kind}"))})

    def get(self, name: str) -> type[P]:
        """The plug-in class. Raises ConfigError naming what exists."""
        if (place := self._table.get(name)) is not None:
            module, _, attribute = place.partition(":")
            return cast(type[P], getattr(importlib.import_module(module), attribute))
        for entry in entry_points(group=f"ocrtune.{self.kind}"):
            if entry.name == name:
                return cast(type[P], entry.load())
        raise ConfigError(
            f"there is no {self.kind[:-1]} called {name!r}{closest(name, self.names())}",
            hint=f"{self.kind}: {', '.join(self.names())}",
        )


SOURCES: Shelf[Source] = Shelf(
    "sources",
    {
        "pdf": "ocrtune.sources.pdf:Pdf",
        "pairs": "ocrtune.sources.pairs:Pairs",
        "chat": "ocrtune.sources.chat:Chat",
        "hf": "ocrtune.sources.hf:HuggingFace",
        "folder": "ocrtune.sources.folder:Folder",
        "dataset": "ocrtune.sources.dataset:Dataset",
        "voc": "ocrtune.sources.voc:Voc",
        "coco": "ocrtune.sources.coco:Coco",
        "pagexml": "ocrtune.sources.pagexml:PageXml",
        "dots_json": "ocrtune.sources.dots_json:DotsJson",
    },
)
GENERATORS: Shelf[Generator] = Shelf(
    "generators",
    {
        "chromium": "ocrtune.sources.synth.generators:ChromiumGenerator",
        "fpdf2": "ocrtune.sources.synth.generators:Fpdf2Generator",
    },
)
DIALECTS: Shelf[Dialect] = Shelf(
    "dialects",
    {
        "plain": "ocrtune.dialects.plain:Plain",
        "markdown": "ocrtune.dialects.markdown:Markdown",
        "layout": "ocrtune.dialects.layout:Layout",
        "regions": "ocrtune.dialects.regions:Regions",
        "layout-only": "ocrtune.dialects.layout:LayoutOnly",
        "dots-ocr": "ocrtune.dialects.dots:DotsOcr",
        "dots-grounding": "ocrtune.dialects.dots:DotsGrounding",
        "dots-web": "ocrtune.dialects.layout:DotsWeb",
        "dots-scene": "ocrtune.dialects.layout:DotsScene",
        "dots-svg": "ocrtune.dialects.dots:DotsSvg",
        "dots-free": "ocrtune.dialects.dots:DotsFree",
        "grounding-qwen2": "ocrtune.dialects.grounding:GroundingQwen2",
        "grounding-qwen25": "ocrtune.dialects.grounding:GroundingQwen25",
        "grounding-qwen3": "ocrtune.dialects.grounding:GroundingQwen3",
        "grounding-internvl": "ocrtune.dialects.grounding:GroundingInternVL",
        "answers": "ocrtune.dialects.answers:Answers",
        "fields": "ocrtune.dialects.fields:Fields",
        "table-html": "ocrtune.dialects.tables:TableHtml",
        "table-otsl": "ocrtune.dialects.tables:TableOtsl",
    },
)
ENGINES: Shelf[Engine] = Shelf(
    "engines",
    {
        "echo": "ocrtune.engines.echo:Echo",
        "local": "ocrtune.engines.local:Local",
        "http": "ocrtune.engines.http:Http",
        "rapidocr": "ocrtune.engines.rapidocr:RapidOcr",
        "tesseract": "ocrtune.engines.tesseract:Tesseract",
        "auto": "ocrtune.engines.auto:Auto",
        "textlayer": "ocrtune.engines.textlayer:TextLayerReader",
    },
)
METRICS: Shelf[Metric] = Shelf(
    "metrics",
    {
        "cer": "ocrtune.metrics.text:Cer",
        "wer": "ocrtune.metrics.text:Wer",
        "char_f1": "ocrtune.metrics.text:CharF1",
        "exact": "ocrtune.metrics.text:Exact",
        "cer_graphemes": "ocrtune.metrics.text:CerGraphemes",
        "ned": "ocrtune.metrics.text:Ned",
        "ned_graphemes": "ocrtune.metrics.text:NedGraphemes",
        "contains": "ocrtune.metrics.answers:Contains",
        "anls": "ocrtune.metrics.answers:Anls",
        "relaxed_accuracy": "ocrtune.metrics.answers:RelaxedAccuracy",
        "bleu": "ocrtune.metrics.translation:Bleu",
        "meteor": "ocrtune.metrics.translation:Meteor",
        "teds": "ocrtune.metrics.structure:Teds",
        "teds_structure": "ocrtune.metrics.structure:TedsStructure",
        "steds": "ocrtune.metrics.structure:Steds",
        "formula_edit": "ocrtune.metrics.structure:FormulaEdit",
        "cdm": "ocrtune.metrics.structure:CharacterMatching",
        "reading_order": "ocrtune.metrics.structure:ReadingOrder",
        "fields_f1": "ocrtune.metrics.fields:FieldsF1",
        "det_hmean": "ocrtune.metrics.detection:DetHmean",
        "det_quad_hmean": "ocrtune.metrics.detection:DetQuadHmean",
        "det_precision": "ocrtune.metrics.detection:DetPrecision",
        "det_recall": "ocrtune.metrics.detection:DetRecall",
        "e2e_hmean": "ocrtune.metrics.detection:E2eHmean",
        "word_spotting": "ocrtune.metrics.detection:WordSpotting",
        "map": "ocrtune.metrics.average_precision:AveragePrecision",
    },
)
FAMILIES: Shelf[Family] = Shelf(
    "families",
    {
        "qwen2_vl": "ocrtune.families.qwen2_vl:Qwen2VL",
        "qwen2_5_vl": "ocrtune.families.qwen2_5_vl:Qwen25VL",
        "qwen3_vl": "ocrtune.families.qwen3_vl:Qwen3VL",
        "gemma3": "ocrtune.families.gemma3:Gemma3",
        "internvl": "ocrtune.families.internvl:InternVL",
        "glm_ocr": "ocrtune.families.glm_ocr:GlmOcr",
        "got_ocr2": "ocrtune.families.got_ocr2:GotOcr2",
        "idefics3": "ocrtune.families.idefics3:Idefics3",
        "paddleocr_vl": "ocrtune.families.paddleocr_vl:PaddleOcrVL",
        "lighton_ocr": "ocrtune.families.lighton_ocr:LightOnOcr",
        "mistral3": "ocrtune.families.mistral3:Mistral3",
        "phi4_multimodal": "ocrtune.families.phi4_multimodal:Phi4Multimodal",
        "phi3_v": "ocrtune.families.phi3_v:Phi3V",
        "hunyuan_vl": "ocrtune.families.hunyuan_vl:HunyuanVL",
        "dots_ocr": "ocrtune.families.dots_ocr:DotsOcr",
        "auto": "ocrtune.families.auto:Auto",
    },
)
TRAINERS: Shelf[Trainer] = Shelf("trainers", {"hf": "ocrtune.trainers.hf:HuggingFaceTrainer"})
EXPORTERS: Shelf[Exporter] = Shelf(
    "exporters",
    {
        "md": "ocrtune.exporters.markdown:Markdown",
        "html": "ocrtune.exporters.html:Html",
        "json": "ocrtune.exporters.json:Json",
        "txt": "ocrtune.exporters.text:Text",
        "hocr": "ocrtune.exporters.hocr:Hocr",
        "alto": "ocrtune.exporters.alto:Alto",
        "page": "ocrtune.exporters.page:PageXml",
        "csv": "ocrtune.exporters.csv:Csv",
        "xlsx": "ocrtune.exporters.xlsx:Xlsx",
        "docx": "ocrtune.exporters.docx:Docx",
        "pdf": "ocrtune.exporters.pdf:SearchablePdf",
        "images": "ocrtune.exporters.images:PageImages",
        "overlay": "ocrtune.exporters.images:Overlay",
        "figures": "ocrtune.exporters.figures:Figures",
        "rebuilt": "ocrtune.exporters.rebuilt:Rebuilt",
        "flow": "ocrtune.exporters.flow:FlowPdf",
    },
)

BENCHMARKS: Shelf[Benchmark] = Shelf(
    "benchmarks",
    {
        "ocrbench": "ocrtune.benchmarks.ocrbench:OcrBench",
        "ocrbench-v2": "ocrtune.benchmarks.ocrbench_v2:OcrBenchV2",
        "mws-vision-bench": "ocrtune.benchmarks.mws:MwsVisionBench",
        "docvqa": "ocrtune.benchmarks.docvqa:DocVqa",
        "infovqa": "ocrtune.benchmarks.docvqa:InfoVqa",
        "chartqa": "ocrtune.benchmarks.chartqa:ChartQa",
        "mme": "ocrtune.benchmarks.mme:Mme",
        "mdpbench": "ocrtune.benchmarks.mdpbench:MdpBench",
        "olmocr-bench": "ocrtune.benchmarks.olmocr:OlmOcrBench",
        "omnidocbench": "ocrtune.benchmarks.omnidocbench:OmniDocBench",
    },
)

SHELVES = (SOURCES, GENERATORS, DIALECTS, ENGINES, METRICS, BENCHMARKS, FAMILIES, TRAINERS, EXPORTERS)
