"""Splits that do not leak, and the proof."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.core import BoxesTarget, ImageRef, Sample, TextTarget
from ocrtune.errors import InputError
from ocrtune.sampling import (
    Filters,
    Hashed,
    Shares,
    benchmark_digest,
    drop_duplicates,
    far_off,
    find_leaks,
    group_key,
    leak_report,
    load_split,
    split_groups,
)


def sample(name: str, *, group: str = "g", text: str = "text", mark: str | None = None, **more: object) -> Sample:
    image = ImageRef(path=f"images/{name}.png", sha256=mark or name, width=10, height=10)
    return Sample(id=name, group=group, images=(image,), target=TextTarget(text=text), **more)  # type: ignore[arg-type]


def crowd(groups: dict[str, int]) -> list[Sample]:
    return [sample(f"{group}-{i}", group=group) for group, count in groups.items() for i in range(count)]


sizes = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(1, 9), min_size=3, max_size=30)


@given(sizes, st.integers(0, 5), st.sampled_from([(0.1, 0.1), (0.3, 0), (2, 3), (0, 0), (0, 0.5)]))
def test_splits_share_no_group_and_lose_no_sample(groups: dict[str, int], seed: int, shares: tuple[float, float]) -> None:
    samples = crowd(groups)
    splits = split_groups(samples, Shares(*shares), seed=seed)
    assert sorted(s.id for members in splits.values() for s in members) == sorted(s.id for s in samples)
    places = [{s.group for s in members} for members in splits.values()]
    assert sum(map(len, places)) == len(set().union(*places))
    assert splits["train"] and bool(splits["val"]) == (shares[0] > 0) and bool(splits["test"]) == (shares[1] > 0)


@given(sizes, st.integers(0, 5))
def test_the_order_of_the_samples_does_not_move_a_group(groups: dict[str, int], seed: int) -> None:
    samples = crowd(groups)
    there, back = (split_groups(s, Shares(0.2, 0.2), seed=seed) for s in (samples, samples[::-1]))
    assert {n: {s.id for s in m} for n, m in there.items()} == {n: {s.id for s in m} for n, m in back.items()}


def test_ratios_and_counts_are_met_closely() -> None:
    samples = crowd({f"document {i}": 5 for i in range(100)})
    by_ratio = split_groups(samples, Shares(0.1, 0.2), seed=1)
    by_count = split_groups(samples, Shares(30, 65), seed=1)
    assert [len(by_ratio[n]) for n in ("train", "val", "test")] == [350, 50, 100]
    assert [len(by_count[n]) for n in ("val", "test")] == [30, 65]


def test_splits_far_from_what_was_asked_are_named() -> None:
    counts = {"train": 40, "val": 26, "test": 92}
    (said,) = far_off(counts, Shares(20, 20))
    assert said.startswith("test has 92 samples where 20 were asked for")
    assert far_off(counts, Shares(0.1, 0.5)) == []
    assert far_off({"train": 9, "val": 0, "test": 0}, Shares(0, 0)) == []


def test_seeds_differ_and_repeat() -> None:
    samples = crowd({f"document {i}": 1 for i in range(50)})
    ids = [{s.id for s in split_groups(samples, Shares(0, 0.2), seed=seed)["test"]} for seed in (1, 1, 2)]
    assert ids[0] == ids[1] != ids[2]


def test_one_document_for_two_splits_is_refused_with_the_way_out() -> None:
    samples = crowd({"only": 10})
    with pytest.raises(InputError, match="2 splits need 2 or more groups") as caught:
        split_groups(samples, Shares(0, 0.2), seed=0)
    assert "--group-by sample" in (caught.value.hint or "")
    assert len(split_groups(samples, Shares(0, 0.2), seed=0, by="sample")["test"]) == 2


def test_a_tag_can_keep_samples_together() -> None:
    samples = [sample(str(i), group=str(i), tags={"writer": f"w{i % 3}"}) for i in range(12)]
    splits = split_groups(samples, Shares(0, 0.3), seed=0, by="writer")
    key = group_key("writer")
    assert not {key(s) for s in splits["train"]} & {key(s) for s in splits["test"]}
    assert len(splits["test"]) == 4


def test_filters_name_themselves() -> None:
    filters = Filters(min_chars=2, max_chars=4, max_pixels=100)
    verdicts = [filters.verdict(*case) for case in ((" a ", 1), ("abcde", 1), ("abc", 101), ("abc", 100), (None, 5))]
    assert verdicts == ["min_chars", "max_chars", "max_pixels", None, None]


def test_near_duplicates_need_both_the_picture_and_the_text() -> None:
    text = "The quick brown fox jumps over the lazy dog"
    train = [
        Hashed(sample("copy", text=text, mark="same"), 0b1111),
        Hashed(sample("rescanned", text=text.replace("quick", "qu1ck")), 0b1101),
        Hashed(sample("other text", text="Something else altogether, really"), 0b1111),
        Hashed(sample("other picture", text=text), 0xFFFF_0000_FFFF_0000),
    ]
    leaks = find_leaks({"train": train, "test": [Hashed(sample("held out", text=text, mark="same"), 0b1111)]})
    assert [(leak.kind, leak.held_out, leak.other) for leak in leaks] == [
        ("exact", "held out", "copy"),
        ("near", "held out", "rescanned"),
    ]
    report = leak_report(leaks)
    assert (report.exact, report.near, report.pairs[1]) == (1, 1, ("near", "held out", "rescanned"))


def test_validation_and_test_are_compared_with_each_other() -> None:
    twin, other = Hashed(sample("a", mark="x"), 7), Hashed(sample("b", mark="x"), 7)
    assert [(leak.held_out, leak.other) for leak in find_leaks({"train": [], "val": [twin], "test": [other]})] == [("b", "a")]


def test_repetitions_are_dropped_but_questions_about_one_picture_are_not() -> None:
    items = [Hashed(sample("a", mark="x"), 0), Hashed(sample("b", mark="x", text=" TEXT "), 0),
             Hashed(sample("c", mark="x", question="Sum?"), 0), Hashed(sample("d", mark="y"), 0)]  # fmt: skip
    kept, dropped = drop_duplicates(items)
    assert ([i.sample.id for i in kept], dropped) == (["a", "c", "d"], 1)


def test_the_digest_is_of_content_not_of_paths_or_order() -> None:
    one, two = sample("1", text="a"), sample("2", text="b")
    moved = one.model_copy(update={"images": (one.images[0].model_copy(update={"path": "/elsewhere.png"}),)})
    assert benchmark_digest([one, two]) == benchmark_digest([two, moved])
    changed = [
        sample("1", text="A"),
        sample("1", text="a", mark="other"),
        sample("9", text="a"),
        sample("1", text="a", question="?"),
    ]
    assert len({benchmark_digest([s, two]) for s in [one, *changed]}) == 5


def test_a_split_is_loaded_with_absolute_paths(tmp_path: Path) -> None:
    odd = sample("1", text="a\u2028b\u0085c")
    (tmp_path / "val.jsonl").write_text(odd.line() + "\n", "utf-8")
    (loaded,) = load_split(tmp_path, "val")
    assert loaded.target == odd.target and loaded.images[0].path == str(tmp_path.resolve() / "images" / "1.png")


def test_missing_and_broken_splits_say_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "val.jsonl").write_text("")
    assert load_split(tmp_path, "val") == []
    with pytest.raises(InputError, match="no split 'test': it has val"):
        load_split(tmp_path, "test")
    with pytest.raises(InputError, match="no such folder"):
        load_split(tmp_path / "gone", "test")
    (tmp_path / "train.jsonl").write_text('{"id": 3}\n')
    with pytest.raises(InputError, match=r"train\.jsonl line 1: not a sample"):
        load_split(tmp_path, "train")


def test_samples_without_text_are_judged_by_their_picture() -> None:
    boxes = [sample(n, mark=n).model_copy(update={"target": BoxesTarget(boxes=())}) for n in ("a", "b")]
    leaks = find_leaks({"train": [Hashed(boxes[0], 3)], "test": [Hashed(boxes[1], 2)]})
    assert Counter(leak.kind for leak in leaks) == {"near": 1}
