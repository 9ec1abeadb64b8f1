"""The languages of the synthesiser: right inflection, whole patterns, a wide vocabulary."""

from __future__ import annotations

import random
import re

import pytest

from ocrtune.sources.synth.language import Tongue, lexicon
from ocrtune.sources.synth.templates import TONGUES, tongue
from ocrtune.sources.synth.words_en import article, past, plural
from ocrtune.sources.synth.words_ru import Noun, agree, conjugate, decline, parse_noun

PATTERNED = ("sentences", "clauses", "requests", "salutations", "closings")


@pytest.fixture(params=sorted(TONGUES))
def speech(request: pytest.FixtureRequest) -> Tongue:
    return tongue(str(request.param))


@pytest.mark.parametrize(
    ("entry", "singular", "many"),
    [
        ("договор", "договор договора договору договор договором договоре", "договоры договоров договорам"),
        ("кирпич", "кирпич кирпича кирпичу кирпич кирпичом кирпиче", "кирпичи кирпичей кирпичам"),
        ("музей", "музей музея музею музей музеем музее", "музеи музеев музеям"),
        ("двигатель:m", "двигатель двигателя двигателю двигатель двигателем двигателе", "двигатели двигателей двигателям"),
        ("сеть", "сеть сети сети сеть сетью сети", "сети сетей сетям"),
        ("справка", "справка справки справке справку справкой справке", "справки справок справкам"),
        ("площадка", "площадка площадки площадке площадку площадкой площадке", "площадки площадок площадкам"),
        ("линия", "линия линии линии линию линией линии", "линии линий линиям"),
        ("улица", "улица улицы улице улицу улицей улице", "улицы улиц улицам"),
        ("место", "место места месту место местом месте", "места мест местам"),
        ("здание", "здание здания зданию здание зданием здании", "здания зданий зданиям"),
        ("хранилище", "хранилище хранилища хранилищу хранилище хранилищем хранилище", "хранилища хранилищ хранилищам"),
    ],
)
def test_russian_nouns_decline(entry: str, singular: str, many: str) -> None:
    noun = parse_noun(entry)
    assert " ".join(decline(noun, case) for case in ("nom", "gen", "dat", "acc", "ins", "pre")) == singular
    assert " ".join(decline(noun, case, True) for case in ("nom", "gen", "dat")) == many


def test_living_beings_have_the_genitive_as_accusative() -> None:
    engineer = parse_noun("инженер", animate=True)
    assert decline(engineer, "acc") == "инженера"
    assert decline(engineer, "acc", True) == "инженеров"
    assert agree("новый", engineer, "acc") == "нового"


@pytest.mark.parametrize(
    ("adjective", "forms"),
    [
        ("новый", "новый новая новое новые новую нового новых"),
        ("летний", "летний летняя летнее летние летнюю летнего летних"),
        ("узкий", "узкий узкая узкое узкие узкую узкого узких"),
        ("морской", "морской морская морское морские морскую морского морских"),
    ],
)
def test_russian_adjectives_agree(adjective: str, forms: str) -> None:
    m, f, n = Noun("стол", "m"), Noun("карта", "f"), Noun("окно", "n")
    made = [agree(adjective, m, "nom"), agree(adjective, f, "nom"), agree(adjective, n, "nom"), agree(adjective, m, "nom", True),
            agree(adjective, f, "acc"), agree(adjective, n, "gen"), agree(adjective, m, "gen", True)]  # fmt: skip
    assert " ".join(made) == forms


def test_russian_verbs_conjugate() -> None:
    f = Noun("карта", "f")
    assert [conjugate("проверять", f, "present"), conjugate("проверять", f, "past")] == ["проверяет", "проверяла"]
    assert [conjugate("требовать", f, "present", True), conjugate("требовать", f, "past", True)] == ["требуют", "требовали"]
    assert conjugate("согласовывать", f, "present") == "согласовывает"


def test_english_spelling_rules() -> None:
    assert [plural(w) for w in ("box", "company", "tray", "approach")] == ["boxes", "companies", "trays", "approaches"]
    assert [past(w) for w in ("define", "supply", "plan", "record")] == ["defined", "supplied", "planned", "recorded"]
    assert [article(w) for w in ("index", "pump", "uniform load")] == ["an index", "a pump", "a uniform load"]


def test_every_pattern_can_be_filled(speech: Tongue) -> None:
    rng = random.Random(0)
    for section in PATTERNED:
        for pattern in speech.words[section]:
            text = speech.written(pattern, rng)
            assert text, pattern
            assert not re.search(r"[{}|]|\.\.|  ", text), (pattern, text)


def test_languages_have_the_same_labels(speech: Tongue) -> None:
    assert set(speech.labels) == set(tongue("en").labels)
    assert all(speech.labels.values())


def test_the_russian_vocabulary_is_too_wide_to_memorise() -> None:
    russian, rng = tongue("ru"), random.Random(0)
    words = {word for _ in range(3000) for word in re.findall(r"[а-яё]+", russian.sentence(rng).lower())}
    assert len(words) > 3000


def test_each_chinese_is_written_in_its_own_characters() -> None:
    rng = random.Random(0)
    for language, charset in (("zh-Hans", "gb2312"), ("zh-Hant", "big5")):
        speech = tongue(language)
        text = "".join("".join(words) for words in speech.words.values()) + speech.paragraph(rng, 50)
        foreign = {c for c in text if "\u4e00" <= c <= "\u9fff" and not c.encode(charset, "ignore")}
        assert not foreign, (language, foreign)


def test_the_same_state_gives_the_same_words(speech: Tongue) -> None:
    assert [speech.paragraph(random.Random(7), 4) for _ in range(2)] == [tongue(speech.code).paragraph(random.Random(7), 4)] * 2


def test_word_lists_hold_no_word_twice() -> None:
    for language in ("ru", "en", "zh"):
        for name, words in lexicon(language).items():
            if name not in ("sentences", "labels", "surnames"):
                assert sorted(words) == sorted(set(words)), (language, name, {w for w in words if words.count(w) > 1})
