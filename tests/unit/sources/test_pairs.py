"""Image + text pairs in all their file formats."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from ocrtune.contracts import Draft, Rejected
from ocrtune.core import TextTarget
from ocrtune.options import SourceOptions
from ocrtune.sources.pairs import Pairs

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"


def read(path: Path) -> list[Draft | Rejected]:
    return list(Pairs().read(path, SourceOptions()))


def written(path: Path, content: str) -> Path:
    path.write_text(content, "utf-8")
    return path


@pytest.mark.parametrize(
    ("image", "text"), [("img_path", "ocr_results"), ("image_path", "ocr_text"), ("image", "text"), ("file_name", "label")]
)
def test_the_usual_column_names_are_known(image: str, text: str, picture: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "data.json", json.dumps([{image: "x.png", text: "приве́т"}]))
    assert Pairs().claims(path)
    assert read(path) == [Draft(picture, TextTarget(text="приве́т"), "x.png", f"{path} line 1")]


def test_the_same_pairs_come_from_every_format(picture: Path, tmp_path: Path) -> None:
    rows = [{"image": "x.png", "text": "a, b", "group": "one"}, {"image": "x.png", "text": "зима\nлето", "group": "two"}]
    files = [
        written(tmp_path / "p.json", json.dumps(rows)),
        written(tmp_path / "p.jsonl", "".join(json.dumps(r) + "\n" for r in rows)),
        written(tmp_path / "p.csv", 'image,text,group\nx.png,"a, b",one\nx.png,"зима\nлето",two\n'),
        written(tmp_path / "semicolons.csv", 'image;text;group\nx.png;"a, b";one\nx.png;"зима\nлето";two\n'),
        written(tmp_path / "p.tsv", 'image\ttext\tgroup\nx.png\ta, b\tone\nx.png\t"зима\nлето"\ttwo\n'),
        tmp_path / "p.parquet",
    ]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), files[-1])
    for file in files:
        assert Pairs().claims(file), file
        assert [(d.target, d.group) for d in read(file) if isinstance(d, Draft)] == [
            (TextTarget(text="a, b"), "one"), (TextTarget(text="зима\nлето"), "two")], file  # fmt: skip


def test_tags_and_lists_of_lines_are_kept(picture: Path, tmp_path: Path) -> None:
    row = {"image": "x.png", "ocr_text": ["one", "two"], "lang": "ru", "tag_source": "scan", "tags": {"page": 3}}
    (draft,) = read(written(tmp_path / "p.jsonl", json.dumps(row)))
    assert isinstance(draft, Draft)
    assert (draft.target, draft.tags) == (TextTarget(text="one\ntwo"), {"language": "ru", "source": "scan", "page": "3"})


def test_bad_records_are_named_by_line_and_the_rest_goes_on(picture: Path, tmp_path: Path) -> None:
    lines = ['{"image": "x.png", "text": "good"}', '{"image": "gone.png", "text": "b"}', '{"text": "label without image"}',
             '{"image": "x.png", "text": " "}', "{not json", "[1, 2]", '{"image": "x.png", "text": "good again"}']  # fmt: skip
    path = written(tmp_path / "p.jsonl", "\n".join(lines))
    records = read(path)
    assert [isinstance(r, Draft) for r in records] == [True, False, False, False, False, False, True]
    why = {r.where.removeprefix(f"{path} "): r.why for r in records if isinstance(r, Rejected)}
    assert "no such image" in why["line 2"] and "without an image" in why["line 3"] and "without a label" in why["line 4"]
    assert "not JSON" in why["line 5"] and "must be an object" in why["line 6"]


def test_records_before_the_break_of_a_json_file_are_kept(picture: Path, tmp_path: Path) -> None:
    path = written(tmp_path / "p.json", '[{"image": "x.png", "text": "good"},\n{"image": "x.p')
    draft, rejected = read(path)
    assert isinstance(draft, Draft) and isinstance(rejected, Rejected)
    assert rejected.where == f"{path} line 2" and "the rest of the file is not read" in rejected.why


def test_pictures_may_be_inside_as_data_addresses(picture: Path, tmp_path: Path) -> None:
    address = "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode()
    path = written(tmp_path / "p.jsonl", json.dumps({"image": address, "text": "t"}))
    for record in Pairs().read(path, SourceOptions()):
        assert isinstance(record, Draft) and isinstance(record.image, Path)
        assert record.image.read_bytes() == picture.read_bytes()
        assert record.group.startswith("picture ") and len(record.group) == 24


@pytest.mark.parametrize("name", ["p.json", "p.csv", "p.jsonl"])
def test_an_empty_file_is_not_claimed_and_read_as_one_rejection(name: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, "")
    (rejected,) = read(path)
    assert not Pairs().claims(path) and isinstance(rejected, Rejected) and "empty" in rejected.why


def test_short_csv_rows_latin1_and_broken_parquet_are_named(picture: Path, tmp_path: Path) -> None:
    short = read(written(tmp_path / "p.csv", "image,text\nx.png\nx.png,fine\n"))
    assert isinstance(short[0], Rejected) and short[0].where.endswith("line 2") and isinstance(short[1], Draft)
    (tmp_path / "l.jsonl").write_bytes('{"image": "x.png", "text": "é"}'.encode("latin-1"))
    (latin,) = read(tmp_path / "l.jsonl")
    assert isinstance(latin, Rejected) and "UTF-8" in latin.why
    (broken,) = read(written(tmp_path / "b.parquet", "PAR1 no"))
    assert isinstance(broken, Rejected) and "Parquet" in broken.why


@pytest.mark.skipif(not (SHARED / "rapidocr_lines").is_dir(), reason="shared/data is not beside the repository")
def test_real_labelled_lines_are_read(tmp_path: Path) -> None:
    path = SHARED / "rapidocr_lines" / "labels.json"
    assert Pairs().claims(path)
    drafts = [d for d in read(path) if isinstance(d, Draft)]
    assert len(drafts) == 15 and all("language" in d.tags for d in drafts)


def test_windows_paths_find_their_file(picture: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    shutil.copy(picture, tmp_path / "sub" / "y.png")
    (draft,) = read(written(tmp_path / "p.jsonl", json.dumps({"image": "sub\\y.png", "text": "t"})))
    assert isinstance(draft, Draft)


def test_a_table_with_the_line_ends_of_old_spreadsheets_is_read(picture: Path, tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(b"image,text\rx.png,hello\r")
    assert Pairs().claims(path)
    assert [d.target for d in read(path) if isinstance(d, Draft)] == [TextTarget(text="hello")]


def test_json_of_absurd_depth_is_nobodys_file_and_costs_one_record(picture: Path, tmp_path: Path) -> None:
    assert not Pairs().claims(written(tmp_path / "deep.json", "[" * 100_000))
    nested = '{"image": "x.png", "text": ' + "[" * 100_000 + "}"
    found = read(written(tmp_path / "deep.jsonl", f'{nested}\n{{"image": "x.png", "text": "kept"}}\n'))
    assert isinstance(found[0], Rejected)
    assert isinstance(found[1], Draft)


def test_bare_base64_is_rejected_with_the_remedy_and_the_rest_goes_on(picture: Path, tmp_path: Path) -> None:
    rows = [{"image": "A" * 5000, "text": "a"}, {"image": "x.png", "text": "b"}]
    first, second = read(written(tmp_path / "data.json", json.dumps(rows)))
    assert isinstance(first, Rejected)
    assert "data:image/" in first.why
    assert len(first.why) < 200
    assert isinstance(second, Draft)


def test_not_a_number_is_no_label(picture: Path, tmp_path: Path) -> None:
    (found,) = read(written(tmp_path / "data.json", '[{"image": "x.png", "text": NaN}]'))
    assert isinstance(found, Rejected)
