"""Error rates, BLEU, METEOR and the page score."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocrtune.errors import InputError
from ocrtune.scoring import text as rates
from ocrtune.scoring import wordnet
from ocrtune.scoring.bleu import sentence_bleu
from ocrtune.scoring.meteor import meteor
from ocrtune.scoring.pagetext import page_score, set_f1, tokens
from ocrtune.scoring.porter import stem

texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=60)


@given(one=texts, two=texts)
def test_ned_is_symmetric_and_bounded_and_the_error_rate_is_not_clipped(one: str, two: str) -> None:
    assert rates.ned(one, two) == rates.ned(two, one)
    assert 0 <= rates.ned(one, two) <= 1
    assert rates.ned(one, one) == rates.cer(one, one) == rates.wer(one, one) == 0
    assert rates.cer("a", "a" + two) == len(two)


def test_a_grapheme_is_one_unit_however_many_code_points_it_has() -> None:
    assert rates.graphemes("e\u0301👩‍👧й") == ["é", "👩‍👧", "й"]
    assert rates.grapheme_error_rate("👩‍👧a", "xa") == 0.5
    assert rates.cer("👩‍👧a", "xa") == 0.75


def test_an_empty_reference_has_the_characters_read_as_its_rate() -> None:
    assert (rates.cer("", "abc"), rates.cer("", ""), rates.cer("abc", "")) == (3, 0, 1)


def test_the_micro_rate_weighs_by_length() -> None:
    assert rates.micro([rates.edits("aaaa", "aaaa"), rates.edits("b", "c")]) == 0.2
    assert rates.micro([]) == 0


def test_pages_longer_than_two_thousand_characters_are_compared() -> None:
    page = "слово " * 1000
    assert rates.distance(page, page[:-7]) == 7


@given(text=texts, seed=st.integers())
def test_character_f1_does_not_see_order(text: str, seed: int) -> None:
    shuffled = list(text)
    random.Random(seed).shuffle(shuffled)
    assert rates.char_f1(text, "".join(shuffled)) == (1 if text else 0)


def test_corpus_bleu_is_sacrebleus() -> None:
    assert rates.corpus_bleu(["the cat sat on the mat"], ["the cat sat on the mat"]) == pytest.approx(100)
    assert rates.corpus_bleu(["发票号码是一二三四"], ["发票号码是一二三五"], tokenizer="zh") == pytest.approx(86.33, abs=0.01)


def test_sentence_bleu_of_short_texts_is_zero_but_for_the_smallest_float() -> None:
    assert sentence_bleu(["a"], ["b"]) == sentence_bleu(["a"], []) == 0
    assert 0 < sentence_bleu(["a", "b", "c"], ["a", "b", "c"]) < 1e-70
    assert sentence_bleu("abcd", "abcd") == 1
    assert sentence_bleu("abcdefgh", "abcd") == pytest.approx(0.36787944)


@given(words=st.lists(st.sampled_from(["Dog", "dogs", "ran", "кот"]), min_size=1, max_size=12))
def test_meteor_of_the_same_words_pays_only_for_one_fragment(words: list[str]) -> None:
    assert meteor(words, words) == pytest.approx(1 - 0.5 / len(words) ** 3)


def test_meteor_matches_words_then_stems_then_synonyms() -> None:
    assert meteor(["a", "dog"], ["A", "cats"]) == pytest.approx(0.5 * 0.5)
    assert meteor(["the", "dogs"], ["the", "dog"]) == meteor(["the", "dog"], ["the", "dog"])
    assert meteor(["hound"], ["dog"]) == 0
    assert meteor(["hound"], ["dog"], synonyms={"dog": ["hound"]}.__getitem__) == 0.5


def test_meteor_of_the_example_in_the_literature() -> None:
    hypothesis = "It is a guide to action which ensures that the military always obeys the commands of the party"
    reference = "It is a guide to action that ensures that the military will forever heed Party commands"
    assert meteor(reference.split(), hypothesis.split()) == pytest.approx(0.6944, abs=1e-4)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ponies", "poni"),
        ("ties", "tie"),
        ("died", "die"),
        ("agreed", "agre"),
        ("hopping", "hop"),
        ("falling", "fall"),
        ("filing", "file"),
        ("happy", "happi"),
        ("enjoy", "enjoy"),
        ("relational", "relat"),
        ("Vietnamization", "vietnam"),
        ("hopefully", "hope"),
        ("technology", "technolog"),
        ("adoption", "adopt"),
        ("controll", "control"),
        ("skies", "sky"),
        ("at", "at"),
        ("книги", "книги"),
    ],
)
def test_stems_are_porters_with_the_changes_of_nltk(word: str, expected: str) -> None:
    assert stem(word) == expected


@pytest.mark.parametrize(
    ("text", "score"), [("слово", 0.625), ("раз два три", 0.7453703703703703), ("a b c d", 0.998046875), ("", 0.25)]
)
def test_a_perfect_page_scores_one_only_if_it_is_long(text: str, score: float) -> None:
    assert page_score(text, text) == pytest.approx(score, abs=1e-12)


@given(reference=texts, reading=texts)
def test_the_page_score_lies_between_zero_and_one(reference: str, reading: str) -> None:
    assert 0 <= page_score(reference, reading) <= 1


def test_one_chinese_character_has_both_sides_cut_by_jieba() -> None:
    assert tokens("a b", "c d") == (["a", "b"], ["c", "d"])
    assert tokens("我来到北京", "a b") == (["我", "来到", "北京"], ["a", " ", "b"])


def test_set_f1_needs_tokens_on_both_sides() -> None:
    assert set_f1([], ["a"]) is None
    assert set_f1(["a"], ["b"]) == 0
    assert set_f1(["a", "a", "b"], ["a"]) == pytest.approx(2 / 3)


def test_wordnet_is_read_from_its_own_files(tmp_path: Path) -> None:
    for part in ("noun", "verb", "adj", "adv"):
        (tmp_path / f"index.{part}").write_text("  1 a licence\n")
        (tmp_path / f"data.{part}").write_text("  1 a licence\n")
        (tmp_path / f"{part}.exc").write_text("")
    (tmp_path / "index.noun").write_text("  1 a licence\ndog n 2 1 @ 2 0 00000001 00000002\nman n 1 0 1 0 00000003\n")
    (tmp_path / "data.noun").write_text(
        "  1 a licence\n"
        "00000001 05 n 03 dog 0 domestic_dog 0 Canis 0 001 @ 00000009 n 0000 | an animal\n"
        "00000002 06 n 02 andiron 0 dog 1 000 | a support\n"
        "00000003 18 n 01 man 0 000 | a person\n"
    )
    (tmp_path / "index.adj").write_text("alive a 1 0 1 0 00000004\n")
    (tmp_path / "data.adj").write_text("00000004 00 a 02 alive(p) 0 live 0 000 | living\n")
    (tmp_path / "noun.exc").write_text("dogges dog\n")
    words = wordnet.read(tmp_path)
    assert words("Dogs") == {"dog", "Canis", "andiron"} == words("dogges")
    assert words("alive") == {"alive", "live"}
    assert words("men") == {"man"}
    assert words("nothing") == set()


def test_an_incomplete_wordnet_is_refused_with_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"index\.noun"):
        wordnet.read(tmp_path)
    monkeypatch.setenv("OCRTUNE_WORDNET", str(tmp_path))
    assert wordnet.find() is None
    (tmp_path / "data.noun").touch()
    assert wordnet.find() == tmp_path
