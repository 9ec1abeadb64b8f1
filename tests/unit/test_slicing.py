"""Tags from files, by picture, and bands of length."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ocrtune.core import ImageRef, Sample, TextTarget
from ocrtune.errors import InputError
from ocrtune.imaging import sha256
from ocrtune.slicing import Attributes, joined, measured, read_attributes


def sample(name: str, path: str, text: str = "x") -> Sample:
    return Sample(id=name, group=name, images=(ImageRef(path=path),), target=TextTarget(text=text), tags={"language": "ru"})


def test_pictures_are_found_by_path_then_by_its_end_then_by_name() -> None:
    rows = [Attributes(p, {"n": str(i)}) for i, p in enumerate(["/d/a/1.png", "/other/b/1.png", "x\\c.png", "lost.png"])]
    samples = [sample("s1", "/d/a/1.png"), sample("s2", "/mine/b/1.png"), sample("s3", "c.png"), sample("s4", "d.png")]
    found = joined([*samples, sample("s5", "/nowhere/1.png")], rows)
    assert [s.tags.get("n") for s in found.samples] == ["0", "1", "2", None, None]
    assert (found.without, found.unused, found.ambiguous) == (["s4"], ["lost.png"], ["s5"])
    assert found.samples[0].tags["language"] == "ru"


@pytest.mark.parametrize("form", ["results.json", "list.json", "mapping.json", "rows.jsonl", "rows.csv", "rows.tsv"])
def test_all_forms_say_the_same(form: str, tmp_path: Path) -> None:
    rows = [{"image_path": "a.png", "layout": "two columns"}, {"image_path": "b.png", "layout": "table"}]
    cut = "\t" if form.endswith("tsv") else ","
    content = {
        "results.json": json.dumps({"results": rows, "model": "m"}),
        "list.json": json.dumps(rows),
        "mapping.json": json.dumps({"a.png": {"layout": "two columns"}, "b.png": {"layout": "table"}}),
        "rows.jsonl": "\n".join(map(json.dumps, rows)) + "\n",
    }.get(form, "\n".join(cut.join(line) for line in (["image_path", "layout"], *(list(r.values()) for r in rows))))
    file = tmp_path / form
    file.write_text(content, "utf-8")
    assert read_attributes(file) == [Attributes("a.png", {"layout": "two columns"}), Attributes("b.png", {"layout": "table"})]


def test_lists_become_one_kind_and_numbers_thirds_and_texts_nothing(tmp_path: Path) -> None:
    rows = [
        {"img_path": f"{i}.png", "focus_layout": ["text", "table"][: i % 3], "quality": i, "label": "t" * 90} for i in range(12)
    ]
    file = tmp_path / "layout.json"
    file.write_text(json.dumps({"results": rows}), "utf-8")
    found = read_attributes(file)
    assert [one.tags["focus_layout"] for one in found[:3]] == ["none", "text", "table+text"]
    assert [one.tags["focus_layout has table"] for one in found[:3]] == ["no", "no", "yes"]
    assert [one.tags["focus_layout has text"] for one in found[:3]] == ["no", "yes", "yes"]
    assert {one.tags["quality"] for one in found} == {"≤ 4", "4 to 8", "> 8"} and "label" not in found[0].tags


def test_a_file_without_pictures_or_without_sense_is_an_input_error(tmp_path: Path) -> None:
    for name, content in (("a.json", '[{"layout": 1}]'), ("b.json", "{"), ("c.json", "3")):
        (tmp_path / name).write_text(content)
        with pytest.raises(InputError, match=name):
            read_attributes(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_attributes(tmp_path / "absent.csv")


def test_bands_of_length_come_from_the_reference() -> None:
    found = measured([sample("a", "a.png", ""), sample("b", "b.png", "x" * 20), sample("c", "c.png", "x" * 5000)])
    assert [s.tags["length"] for s in found] == ["0", "1–20", "2001 or more"]


def test_the_script_of_the_reference_stands_for_a_language_that_nobody_named() -> None:
    texts = {"a": "Invoice 5", "b": "счёт № 5", "c": "发票", "d": "12:30"}
    named = [sample(name, "a.png", text) for name, text in texts.items()]
    plain = [s.model_copy(update={"tags": {}}) for s in named]
    assert [s.tags.get("script") for s in measured(plain)] == ["Latn", "Cyrl", "Hani", None]
    assert not any("script" in s.tags for s in measured(named))


def test_pictures_of_a_prepared_dataset_are_known_by_id_content_or_document(tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "photo.jpg").write_bytes(b"the bytes of a picture")
    rows = [{"image": name, "layout": name[0]} for name in ("a/page 1.png", "scans/photo.jpg", "contract.pdf")]
    file = tmp_path / "layout.json"
    file.write_text(json.dumps(rows), "utf-8")
    stored = ImageRef(path="images/0f.jpg", sha256=sha256(b"the bytes of a picture"))
    samples = [
        sample("page-1.png", "images/aa.png"),
        sample("whatever", "x").model_copy(update={"images": (stored,)}),
        sample("contract.pdf-page-3", "images/bb.png").model_copy(update={"group": "contract"}),
        sample("unknown", "images/cc.png"),
    ]
    found = joined(samples, read_attributes(file))
    assert [s.tags.get("layout") for s in found.samples] == ["a", "s", "c", None]
    assert (found.without, found.unused) == (["unknown"], [])
