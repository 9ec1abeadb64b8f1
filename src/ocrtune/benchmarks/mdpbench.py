"""MDPBench: digital and photographed pages in seventeen languages as Markdown, in OmniDocBench's form and by its matching."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ocrtune.benchmarks._files import Origin
from ocrtune.benchmarks._omni_pages import Page, cdm_parts, need_cdm, read_page, sample_of_page, value_of
from ocrtune.benchmarks._rows import Row as Published
from ocrtune.benchmarks._rows import mean_row, rows_of, valued
from ocrtune.contracts import Row
from ocrtune.core import Prediction, Sample, Score
from ocrtune.options import Hub
from ocrtune.scoring import cdm

FULL, WITHOUT_CDM = "official", "official-without-cdm"
LATIN = ("DE", "EN", "ES", "FR", "ID", "IT", "NL", "PT", "VI")
OTHERS = ("AR", "HI", "JP", "KO", "RU", "TH", "ZH", "ZH-T")
NAMED_OTHERWISE = {"ZH-CHT": "ZH-T"}
DIGITAL, PHOTO = "digital", "photo"
_PARTS_OF_A_NAME = 3  # language, kind, number; what follows says how the page was photographed


class MdpBench:
    """Of `Delores-Lin/MDPBench` (MDPBench_public.json with its folder of pictures), locally under any name.

    The value of a page is the mean of what it has: 1 − text edit, CDM of its formulas, TEDS of its tables. `official` needs TeX
    for CDM; `official-without-cdm` leaves formulas out, as the authors' totals do without CDM's results. The photographs of a
    page are one document with it. The authors ask each model in other words; the prompt here asks for what they score.
    """

    name = "mdpbench"
    profiles: ClassVar[tuple[str, ...]] = (FULL, WITHOUT_CDM)
    hub = "Delores-Lin/MDPBench"
    revision: ClassVar[str | None] = None
    dialect = "markdown"
    max_tokens = 8192

    def load(self, place: Path | Hub) -> list[Sample]:
        data = "MDPBench_public.json"
        origin = Origin(
            self.hub, patterns=(data, "MDPBench_img_public/*"), files=(data, "MDPBench*.json"), revision=self.revision
        )
        return [_sample(row) for row in rows_of(place, origin)]

    def describe(self, profile: str) -> dict[str, str]:
        return {"cdm": cdm.describe() if profile == FULL else "not computed"}

    def score(self, sample: Sample, prediction: Prediction, profile: str) -> Score:
        """A failed request is an empty page. Raises ResourceError for CDM without its tools."""
        if profile == FULL:
            need_cdm(f"{FULL} of {self.name}", f"{WITHOUT_CDM} leaves formulas out")
        page = _with_losses(read_page(sample, prediction), Path(sample.images[0].path).stem)
        parts = page.parts | (cdm_parts(page.latex) if profile == FULL else {})
        value = value_of({name: part for name, part in parts.items() if name != "formula"})
        if value is None:
            why = "the page has nothing that is scored"
            return Score(sample_id=sample.id, metric=self.name, value=None, why=why, parts=parts)
        return valued(sample, self.name, value).model_copy(update={"parts": parts})

    def table(self, samples: Sequence[Sample], scores: Sequence[Score], profile: str) -> list[Row]:
        """The published columns, in percent: means of pages by language, means of the languages (rounded to a tenth, as theirs
        are), and means of all pages."""
        tags = {sample.id: sample.tags for sample in samples}
        languages, captures = defaultdict(list), defaultdict(list)
        for score in scores:
            if score.sample_id in tags and score.value is not None:
                languages[_column(tags[score.sample_id])].append(100 * score.value)
                captures[tags[score.sample_id].get("capture", "")].append(100 * score.value)
        rows = {name: mean_row(name, values) for name, values in sorted(languages.items())}
        means = [
            mean_row(title, [round(rows[name].value or 0.0, 1) for name in names if name in rows])
            for title, names in (("Latin", LATIN), ("Non-Latin", OTHERS))
        ]
        totals = [mean_row("Digital", captures[DIGITAL]), mean_row("Photo", captures[PHOTO])]
        return [
            *rows.values(),
            *means,
            *totals,
            mean_row("Overall", [value for values in languages.values() for value in values]),
        ]


def _sample(row: Published) -> Sample:
    """The name of its picture says what it shows."""
    name = [part for part in Path(row.image.path).stem.split("_") if part]
    capture = DIGITAL if len(name) == _PARTS_OF_A_NAME else PHOTO
    tags = {"language": name[0].lower(), "kind": name[1] if len(name) > 1 else "", "capture": capture}
    return sample_of_page(row, tags, group="_".join(name[:_PARTS_OF_A_NAME]))


def _with_losses(page: Page, name: str) -> Page:
    """Slip of the published code: it takes the number at the end of a page's name for that of a text on it. A text that has this
    number (its order or place, or where it begins in the reading) is counted for a page of a shorter name, that is for none."""
    last = name.rpartition("_")[2]
    if not last.isdigit():
        return page
    return page._replace(text=[text for text, own in zip(page.text, page.numbers, strict=True) if int(last) not in own])


def _column(tags: Mapping[str, str]) -> str:
    language = tags.get("language", "").upper()
    return NAMED_OTHERWISE.get(language, language)
