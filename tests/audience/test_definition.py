"""The lint of a written audience definition: its words, whom it fits, what a hostile or an empty one does."""

import datetime as dt
import json
import tomllib
from importlib.resources import files
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from custaudience.audience import check_definition, parse_definition
from custaudience.audience.definition.claims import definition_claims
from custaudience.audience.definition.numbers import compare_with_rest, effect_from_counts, sharpest
from custaudience.audience.definition.rules import MOST_CHARACTERS, TOPICS
from custaudience.audience.definition.words import WordLists, load_words
from custaudience.customers import CustomerFeatures
from custaudience.customers.drivers.effects import area_under_curve
from custaudience.errors import ColumnError, ConfigError, ParameterError
from custaudience.evidence import Terms, ledger_frame
from custaudience.present.words import render, render_claim
from custaudience.telling import sheet

AS_OF = dt.date(2025, 12, 31)
TERMS = Terms(AS_OF, "USD")
ATTRIBUTES = {"age": "numeric", "sex": "category", "income": "ordered", "place": "category", "Вік": "ordered"}
BANDS = ["Under 15K", "15-34K", "35-74K", "75K+"]


def features_of(**columns):
    """Build customer features of columns; what is no attribute is behaviour."""
    n = len(next(iter(columns.values())))
    table = pd.DataFrame({"customer_id": [f"c{i:05d}" for i in range(n)], "revenue_total": np.ones(n)} | columns)
    rows = [
        (c, "", "currency" if "revenue" in c else "share" if "share" in c else "",
         "attribute" if c in ATTRIBUTES else "behaviour", ATTRIBUTES.get(c, "numeric"), 1.0)
        for c in table.columns[1:]
    ]  # fmt: skip
    dictionary = pd.DataFrame(rows, columns=["column", "meaning", "unit", "kind", "type", "share_known"])
    return CustomerFeatures(table, dictionary, pd.DataFrame(), (), AS_OF, AS_OF, 0)


def made_up(n=600, seed=1, known=1.0, effect=0.0):
    """Build customers of whom the women of 18 to 40 buy `effect` more often on weekends, and nothing else."""
    rng = np.random.default_rng(seed)
    age, sex = rng.integers(16, 80, n).astype(float), rng.choice(["F", "M"], n)
    hit = (age >= 18) & (age <= 40) & (sex == "F")
    return features_of(
        revenue_total=rng.lognormal(4, 0.5, n), n_orders=1.0 + rng.poisson(3, n),
        weekend_share=np.clip(rng.normal(0.4, 0.1, n) + effect * hit, 0, 1), evening_share=rng.random(n),
        age=np.where(rng.random(n) < known, age, np.nan), sex=pd.Categorical(sex),
        income=pd.Categorical(rng.choice(BANDS, n), BANDS, ordered=True),
    )  # fmt: skip


def codes(definition, **options):
    return {f.code: f.severity for f in check_definition(definition, **options).findings}


def sentences(check, language="en"):
    return [render(f.template, f.values, language=language) for f in check.findings]


@pytest.mark.parametrize(
    "text",
    [
        "women 18-40 with middle and high income",  # X4, 003-18
        "women 18–40, middle + high income",
        "Жінки 18–40 років із середнім та високим доходом",
        "women aged between 18 and 40, income from 20 to 50 thousand USD",
    ],
)
def test_only_sex_age_income(text):
    check = check_definition(text)
    assert codes(text) == {"ONLY_SEX_AGE_INCOME": "warning"}
    (finding,) = check.findings
    assert [text[a:b] for a, b in finding.spans] == list(finding.words)
    assert {rule.variable: rule.ranges for rule in check.rules}["age"] == ((18.0, 40.0),)
    assert "what they do" in sentences(check)[0]


def test_only_sex_age_income_as_rules():
    """X4: the same as a table of rules, and as TOML."""
    toml = """
    [[rules]]
    variable = "Gender"
    is = "women"
    [[rules]]
    variable = "age"
    at_least = 18
    at_most = 40
    [[rules]]
    variable = "household income"
    is = ["middle", "high"]
    """
    check = check_definition(parse_definition(toml))
    assert [f.code for f in check.findings] == ["ONLY_SEX_AGE_INCOME"]
    assert [(r.variable, r.values, r.ranges) for r in check.rules] == [
        ("age", (), ((18.0, 40.0),)), ("income", ("high", "middle"), ()), ("sex", ("female",), ()),
    ]  # fmt: skip


def test_place_is_demographic_too():
    """Section 6, 4: woman 20-45 living in a city (000-60)."""
    assert codes("woman 20-45 living in a city") == {"DEMOGRAPHIC_ONLY": "warning"}
    assert codes("жінка 20–45 років, живе в місті") == {"DEMOGRAPHIC_ONLY": "warning"}


def test_generation_and_ages():
    """X6: born 1981 to 1996, in 2025 they are 28 to 44, as the birthday has been or not."""
    assert codes({"text": "millennials (20-45)", "reference_year": 2025})["GENERATION_AGE_MISMATCH"] == "warning"
    assert "are 28 to 44 years old" in " ".join(sentences(check_definition("millennials (20-45)", terms=TERMS)))
    assert "GENERATION_AGE_MISMATCH" not in codes({"text": "millennials (29-44)", "reference_year": 2025})
    assert "GENERATION_AGE_MISMATCH" not in codes({"text": "millennials (30-35)", "reference_year": 2025})
    assert codes({"text": "millennials (29-44)", "reference_year": 2035})["GENERATION_AGE_MISMATCH"] == "warning"
    # without a year: 25 years are too many for a generation of 16 in any year; 15 cannot be checked
    assert codes("millennials (20-45)")["GENERATION_AGE_MISMATCH"] == "warning"
    assert codes("millennials (29-44)")["NO_REFERENCE_YEAR"] == "notice"
    assert codes({"text": "покоління Z 40-50 років", "reference_year": 2025})["GENERATION_AGE_MISMATCH"] == "warning"
    rules = [{"variable": "generation", "is": "millennials"}, {"variable": "age", "at_least": 20, "at_most": 45}]
    assert codes({"rules": rules, "reference_year": 2025})["GENERATION_AGE_MISMATCH"] == "warning"


def test_minors():
    """X9, 004-15: teen girls, in cities, low disposable income, wish to enjoy life."""
    text = "teen girls, in cities, low disposable income, wish to enjoy life"
    (finding,) = (f for f in check_definition(text).findings if f.code == "MINORS")
    assert finding.severity == "error" and finding.words == ("teen",) and finding.spans == ((0, 4),)
    assert codes("дівчата-підлітки")["MINORS"] == "error"
    assert codes([{"variable": "age", "at_most": 17}])["MINORS"] == "error"
    assert codes([{"variable": "sex", "is": "teen girls"}])["MINORS"] == "error"
    assert codes("women 16-40")["MINORS"] == "warning"
    assert codes("girls who love yoga")["MINORS"] == "notice"
    assert "MINORS" not in codes("girls 18-25") and "MINORS" not in codes("parents of small children")
    assert "MINORS" not in codes("women under 40")  # no lower limit is said, and customers are meant


def test_minors_are_never_counted():
    check = check_definition("teen girls", made_up())
    assert check.coverage is None and check.differences.empty and check.members.empty and not check.matches


@pytest.mark.parametrize(
    ("text", "topic"),
    [("Muslim women 25-40 who shop online", "religion"), ("people with diabetes", "health"),
     ("women of another nationality", "nationality or origin"), ("жінки з темним кольором шкіри", "skin colour"),
     ("мусульмани, які купують онлайн", "religion"), ("black people in cities", "race or ethnicity")],
)  # fmt: skip
def test_sensitive(text, topic):
    """X9: named with the words it rests on, whatever else is said."""
    (finding,) = (f for f in check_definition(text).findings if f.code == "SENSITIVE")
    assert finding.values["topic"] == TOPICS[topic] and finding.words
    assert [text[a:b] for a, b in finding.spans] == list(finding.words)


def test_an_interest_in_health_is_no_illness():
    """000-60: health as a value; only the fact of an illness is sensitive."""
    assert codes("health-conscious women 20-45 with a healthy lifestyle who love yoga") == {}


def test_a_sensitive_variable_is_never_counted():
    features = made_up()
    features.table["religion"] = "x"
    check = check_definition([{"variable": "religion", "is": "x"}, {"variable": "sex", "is": "F"}], features)
    assert check.has("SENSITIVE") and not check.has("UNKNOWN_VARIABLE")
    (religion, _) = check.matches
    assert not religion.matched and "sensitive" in religion.reason


def test_behaviour_values_or_needs_end_the_complaint():
    """000-07, 001-04: two of the documents' worked examples."""
    assert codes("tech-savvy adults 30-45 with more disposable income who shop online") == {}  # 001-10
    assert codes("women 20-45 in cities who love yoga and running") == {}  # 000-60
    assert codes("people who struggle with compatibility") == {"NOT_READ": "notice"}


def test_words_not_known_are_named_and_soften_the_finding():
    check = check_definition("women 18-40 who juggle")
    assert {f.code: f.severity for f in check.findings} == {"NOT_READ": "notice", "ONLY_SEX_AGE_INCOME": "notice"}
    assert "“juggle”" in " ".join(sentences(check)) and not check.complete


def test_unknown_variable_with_near_miss():
    check = check_definition([{"variable": "incom", "is": "high"}])
    assert [f.code for f in check.findings] == ["UNKNOWN_VARIABLE"] and "Did you mean “income”?" in sentences(check)[0]
    check = check_definition([{"variable": "weekendshare", "at_least": 0.5}], made_up())
    assert "Did you mean “weekend_share”?" in sentences(check)[0] and check.coverage is None
    assert "Did you mean" not in sentences(check_definition([{"variable": "zzzz", "is": "q"}]))[0]


@pytest.mark.parametrize(
    ("definition", "message"), [({"rule": []}, r"key 'rule' does not exist. Did you mean 'rules'\?"),
     ([{"variabel": "age", "is": "x"}], r"rule 1: key 'variabel' does not exist. Did you mean 'variable'\?"),
     ([{"variable": "age", "atleast": 3}], r"rule 1: key 'atleast' does not exist. Did you mean 'at_least'\?"),
     ([{"is": "x"}], "rule 1: it has no variable"),
     ([{"variable": "age"}], r"rule 1 \(age\): it says nothing"),
     ([{"variable": "age", "at_least": "18"}], "at_least: expected a number, came '18'"),
     ([{"variable": "age", "at_least": float("nan")}], "expected a number, came nan"),
     ([{"variable": "age", "at_least": True}], "expected a number, came True"),
     ([{"variable": "sex", "is": []}], "expected a word or a list of words"),
     ([{"variable": "sex", "is": {"a": 1}}], "expected a word or a list of words"),
     (["age > 3"], "rule 1: expected a table with a variable"),
     ({"rules": {"variable": "age"}}, "rules must be a list"),
     ({"text": "women", "rules": [{"variable": "age", "at_least": 1}]}, "give text or rules, not both"),
     ({"text": 5}, "text must be text"),
     ({"text": "women", "reference_year": "2025"}, "reference_year must be a year"),
     ({"text": "women", "levels": ["x"]}, "levels must be a table"),
     ("x" * (MOST_CHARACTERS + 1), "Shorten it")],
)  # fmt: skip
def test_a_malformed_definition_is_refused(definition, message):
    with pytest.raises(ConfigError, match=message):
        check_definition(definition)


def test_not_toml():
    with pytest.raises(ConfigError, match="not TOML"):
        parse_definition("women 18-40")


@pytest.mark.parametrize("empty", ["", "  \n\t ", [], {}, {"text": ""}, {"rules": []}, "…!?", "the with of"])
def test_nothing_said(empty):
    check = check_definition(empty, made_up())
    assert [f.code for f in check.findings] == ["NOTHING_SAID"] and check.coverage is None
    assert check.findings[0].severity == "error"


@pytest.mark.parametrize(
    "definition", [[{"variable": "age", "above": 60}, {"variable": "age", "below": 20}],
     [{"variable": "age", "at_least": 60, "at_most": 20}],
     [{"variable": "sex", "is": "F"}, {"variable": "sex", "is": "men"}],
     [{"variable": "sex", "is": "women"}, {"variable": "sex", "is_not": "female"}],
     "people over 60 and under 20",
     "люди старше 60 і молодше 20"],
)  # fmt: skip
def test_contradictions(definition):
    check = check_definition(definition, made_up())
    assert check.findings[0].code == "CONTRADICTION" and check.findings[0].severity == "error"
    assert check.coverage.n_yes == 0 and not len(check.members)


def test_either_is_no_contradiction():
    (rule,) = check_definition("people over 60 or under 20").rules
    assert len(rule.ranges) == 2 and "CONTRADICTION" not in codes("people over 60 or under 20")
    assert check_definition("women 18-25 or 60-70").rules[1].ranges == ((18.0, 25.0), (60.0, 70.0))
    assert check_definition("people over 18 and under 40").rules[0].ranges == ((18.000000000000004, 39.99999999999999),)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("people 60 and older", (60, np.inf)), ("people 60+", (60, np.inf)), ("60 років і старше", (60, np.inf)),
     ("from 18 to 40 years old", (18, 40)), ("віком від 18 до 40", (18, 40)), ("aged 30", (30, 30)),
     ("people, high income, 18-40", (18, 40)), ("high income (18-40)", (18, 40)), ("age: 18-40", (18, 40)),
     ("людям до 40 років", (-np.inf, 40)), ("жінки 25—35", (25, 35))],
)  # fmt: skip
def test_ages_are_read(text, expected):
    assert {r.variable: r.ranges for r in check_definition(text).rules}["age"] == (expected,)


@pytest.mark.parametrize(
    "text", ["save 20-30 % on food", "fans of 90-60-90", "people paying 20-50 $", "over 60", "500-700 people"]
)
def test_other_numbers_are_no_ages(text):
    assert "age" not in {rule.variable for rule in check_definition(text).rules}


def test_an_amount_per_period_is_not_counted():
    features = made_up()
    assert check_definition("more than 5 orders", features).coverage.n_yes == (features.table["n_orders"] > 5).sum()
    check = check_definition("more than 5 orders a month", features)
    assert check.coverage is None and "per period" in check.matches[0].reason


HOSTILE = [
    "<script>alert(1)</script>", "women\u202e 18-40 \u202d<b>", "=HYPERLINK(1)", "{n:count} {", "%s %d 18-",
    "\x00\x1b[31m", "🙂" * 50, "a" * 5000, "18-40-60-18", "1e999 999999999999999999999-2", "і" * 300, "²³ 18²-40²",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_ever_a_value(text):
    for definition in (text, [{"variable": text, "is": text}] if text.strip() else text):
        check = check_definition(definition, made_up(100))
        for language in ("en", "uk"):
            for claim in definition_claims(check, TERMS):
                shown = render_claim(claim, language=language, html=True)
                assert "<" not in shown and "\u202e" not in shown and "\x00" not in shown and len(shown) < 2000
        if isinstance(definition, str):
            assert all([text[a:b] for a, b in f.spans] == list(f.words) for f in check.findings)


def test_marks_that_are_not_seen_do_not_change_a_word():
    assert check_definition("wo\u200bmen 18-40").rules[0].values == ("female",)


def test_ten_thousand_characters():
    text = ("women 18-40 with middle income who like running; " * 210)[:10_000]
    check = check_definition(text, made_up())
    assert not check.has("ONLY_SEX_AGE_INCOME") and len(check.said) <= 160
    assert all(len(sentence) < 1000 for sentence in sentences(check))


def test_mixed_languages():
    check = check_definition("Жінки 25-35 with середнім income, living in місті")
    assert {r.variable: r.values for r in check.rules} == {
        "sex": ("female",), "age": (), "income": ("middle",), "place": ("city",)
    }  # fmt: skip
    assert codes("Жінки 25-35 with середнім income, living in місті") == {"DEMOGRAPHIC_ONLY": "warning"}


def test_another_language_is_one_more_file():
    """The issue: ru and vi are one more file."""
    text = """
    [plain]
    filler = ["со", "и", "с"]
    [levels]
    middle = ["средн*"]
    high = ["высок*"]
    [variables.sex]
    names = ["пол"]
    [variables.sex.values]
    female = ["женщин*"]
    [variables.income]
    names = ["доход*"]
    """
    check = check_definition("женщины 18-40 со средним и высоким доходом", words=WordLists({"ru": tomllib.loads(text)}))
    assert [f.code for f in check.findings] == ["ONLY_SEX_AGE_INCOME"] and check.rules[2].values == ("high", "middle")
    with pytest.raises(ConfigError, match=r"no variable 'sexx'. Did you mean 'sex'\?"):
        WordLists({"xx": {"variables": {"sexx": {"names": []}}}})
    with pytest.raises(ConfigError, match="no word list for 'ru'; there are en, uk"):
        load_words("ru")


def test_word_lists_have_the_same_keys():
    import tomllib

    def keys(content):
        return {
            (section, key, value)
            for section, lists in content.items()
            for key, entry in lists.items()
            for value in ([*entry, *entry.get("values", {})] if isinstance(entry, dict) else [""])
        }

    folder = files("custaudience.audience.definition").joinpath("words")
    found = {
        entry.name: tomllib.loads(entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }
    assert {"en.toml", "uk.toml"} <= set(found)
    for name, content in found.items():
        assert keys(content) == keys(found["en.toml"]), name
        assert set(content["sensitive"]) <= set(TOPICS)
    columns = files("custaudience.customers.features").joinpath("personal.toml").read_text("utf-8")
    assert set(tomllib.loads(columns)["sensitive"]) == set(TOPICS)  # what is sensitive is said once, and has a sentence


def test_coverage_by_hand():
    """Six customers: two fit, one does not give an age, one band lies partly within."""
    features = features_of(
        revenue_total=np.array([10.0, 20, 30, 40, 50, 50]),
        sex=pd.Categorical(["F", "F", "F", "M", "F", "F"]),
        Вік=pd.Categorical(
            ["18-24", "25-39", "40-49", "25-39", None, "65+"], ["18-24", "25-39", "40-49", "65+"], ordered=True
        ),
    )
    check = check_definition("women 18-45", features)
    assert [m.column for m in check.matches] == ["sex", "Вік"] and check.matches[1].partly == ("40-49",)
    c = check.coverage
    assert (c.n_all, c.n_known, c.n_yes, c.n_partly, c.n_no) == (6, 5, 2, 1, 2)
    assert c.share == (0.4, 0.6) and c.revenue_known == pytest.approx(150 / 200)
    assert check.members.tolist() == ["c00000", "c00001"] and check.complete
    assert check.differences.empty  # fewer than ten


def test_what_middle_income_is_must_be_said():
    features = made_up()
    text = "women 18-40 with middle and high income"
    check = check_definition(text, features)
    income = check.matches[2]
    assert not income.matched and "no level" in income.reason and not check.complete and check.members.empty
    levels = {"income": {"middle": ["15-34K", "35-74K"], "high": ["75K+"]}}
    table = features.table
    fits = (table["sex"] == "F") & table["age"].between(18, 40) & (table["income"] != "Under 15K")
    check = check_definition({"text": text, "levels": levels}, features)
    assert check.complete and check.members.tolist() == table.loc[fits, "customer_id"].tolist()
    with pytest.raises(
        ColumnError, match=r"level '75K' given for 'high' is not in the column of 'income'. Did you mean '75K\+'"
    ):
        check_definition({"text": text, "levels": {"income": {"middle": ["15-34K"], "high": ["75K"]}}}, features)


def test_income_bands_and_amounts():
    """Under 15K, 15-34K: bands in thousands against an amount that is said."""
    features = made_up()
    check = check_definition([{"variable": "income", "at_least": 15_000, "at_most": 74_999}], features)
    assert check.coverage.n_yes == features.table["income"].isin(["15-34K", "35-74K"]).sum()
    check = check_definition([{"variable": "income", "below": 15_000}], features)
    assert check.coverage.n_yes == (features.table["income"] == "Under 15K").sum()
    check = check_definition([{"variable": "income", "at_least": 20_000}], features)
    assert check.matches[0].partly == ("15-34K",)


def test_columns_are_named_or_asked_for():
    features = made_up()
    twice = features_of(age=features.table["age"], Вік=features.table["age"])
    check = check_definition("adults 18-40", twice)
    assert not check.matches[0].matched and "several columns" in check.matches[0].reason
    assert check.matches[0].values["names"] == "age, Вік" or check.matches[0].matched is False
    assert check_definition({"text": "adults 18-40", "columns": {"age": "Вік"}}, twice).matches[0].column == "Вік"
    with pytest.raises(ColumnError, match=r"column 'agee' given for 'age'.* Did you mean 'age'"):
        check_definition({"text": "adults 18-40", "columns": {"age": "agee"}}, features)


def test_levels_nobody_knows_are_on_neither_side():
    features = features_of(place=pd.Categorical(["village", "big city", "abroad", "city centre"]))
    check = check_definition("people living in a city", features)
    assert (check.coverage.n_yes, check.coverage.n_no, check.coverage.n_known) == (2, 1, 3)
    check = check_definition([{"variable": "place", "is": "abroad"}], features)  # a level by its name
    assert (check.coverage.n_yes, check.coverage.n_no) == (1, 3)


def test_yes_no_columns():
    features = features_of(place=pd.array([True, False, None, True], dtype="boolean"))
    assert check_definition([{"variable": "place", "is": True}], features).coverage.n_yes == 2
    check = check_definition([{"variable": "place", "is": "maybe"}], features)
    assert not check.matches[0].matched and "yes and no" in check.matches[0].reason


def test_everyone_and_nobody():
    features = made_up()
    everyone = check_definition([{"variable": "n_orders", "at_least": 0}], features)
    assert everyone.has("TOO_BROAD") and everyone.coverage.share == (1, 1) and everyone.differences.empty
    nobody = check_definition([{"variable": "n_orders", "at_least": 1e9}], features)
    assert nobody.has("COVERS_NOBODY") and not nobody.has("TOO_BROAD") and nobody.differences.empty


def test_too_broad_depends_on_the_limit():
    features = made_up()
    share = (features.table["sex"] == "F").mean()
    assert codes("women", features=features)["TOO_BROAD"] == "warning"
    assert "TOO_BROAD" not in codes("women", features=features, max_share=share + 0.01)
    assert codes("women with high income", features=features)["TOO_BROAD"] == "notice"  # what high is, is not said
    for limit in (0, 1, -0.1, 30):
        with pytest.raises(ParameterError, match="max_share"):
            check_definition("women", features, max_share=limit)


def test_one_customer():
    features = features_of(age=np.array([30.0]), n_orders=np.array([2.0]))
    check = check_definition("people aged 18-40", features)
    assert check.coverage.n_yes == 1 and check.differences.empty
    texts = [render_claim(c, language="en") for c in claims_of(check)]
    assert any("fewer than 10" in text for text in texts) and not any("fits 1" in text for text in texts)


def test_attributes_known_for_a_third():
    features = made_up(3000, known=0.33)
    check = check_definition("women 18-40", features)
    known = features.table["age"].notna()
    assert check.coverage.n_known == known.sum()
    row = check.differences.set_index("column").loc["evening_share"]
    assert row["n"] + row["n_others"] == known.sum()  # who is not known is not "the others"
    text = render_claim(next(c for c in claims_of(check) if c.id.endswith(".known")), language="en")
    assert f"{known.sum():,} of 3,000" in text and "need not hold for the others" in text


def test_differences_recounted_by_pandas():
    features = made_up(900, effect=0.05)
    check = check_definition("women 18-40", features)
    table = features.table
    fits = (table["sex"] == "F") & table["age"].between(18, 40)
    for row in check.differences.to_dict("records"):
        a, b = table.loc[fits, row["column"]], table.loc[~fits, row["column"]]
        assert row["value"] == pytest.approx(a.mean()) and row["value_others"] == pytest.approx(b.mean())
        error = (a.var() / len(a) + b.var() / len(b)) ** 0.5
        assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * error, rel=0.02)
        delta = np.sign(a.to_numpy()[:, None] - b.to_numpy()[None, :]).mean()
        assert row["effect"] == pytest.approx(delta, abs=2e-3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-30, 30), min_size=2, max_size=40), st.lists(st.integers(-30, 30), min_size=2, max_size=40))
def test_effect_from_counts_is_that_of_ranks(a, b):
    """As the analysis of drivers has it, from the values themselves."""
    values = np.arange(-30, 31)
    counts = (np.array([group.count(v) for v in values]) for group in (a, b))
    effect, low, high, p_value = effect_from_counts(*counts)
    expected = area_under_curve(np.array(a + b), np.array([True] * len(a) + [False] * len(b)))
    assert [(x + 1) / 2 for x in (effect, low, high)] == pytest.approx(expected)
    assert 0 <= p_value <= 1 and low <= effect <= high


def test_p_value_is_that_of_mann_and_whitney():
    from scipy.stats import mannwhitneyu

    rng = np.random.default_rng(3)
    a, b = rng.integers(0, 6, 60), rng.integers(1, 7, 90)
    counts = (np.bincount(group, minlength=8) for group in (a, b))
    expected = mannwhitneyu(a, b, method="asymptotic", use_continuity=False).pvalue
    assert effect_from_counts(*counts)[3] == pytest.approx(expected)


def test_what_was_planted_is_found_and_noise_is_not():
    check = check_definition("women 18-40", made_up(2000, effect=0.08))
    assert sharpest(check.differences)["column"] == "weekend_share"
    found = 0
    for seed in range(60):
        found += sharpest(check_definition("women 18-40", made_up(400, seed=seed)).differences) is not None
    assert found <= 7  # 60 * 0.05 = 3 expected; 8 or more has a chance of 1 in 100


def test_what_the_definition_speaks_of_is_not_its_finding():
    check = check_definition("more than 5 orders", made_up(2000))
    table = check.differences.set_index("column")
    assert table.loc["n_orders", "made_from"] and np.isnan(table.loc["n_orders", "p_value"])
    assert table.loc["revenue_total", "made_from"] and not table.loc["weekend_share", "made_from"]
    assert not {c.id.split(".")[-1] for c in claims_of(check)} & {"orders", "revenue"}


def test_negative_values_zeros_and_gaps():
    rng = np.random.default_rng(0)
    refunds = rng.normal(0, 1, 200)
    refunds[:50], refunds[50:60] = 0.0, -0.0
    refunds[60:70] = np.nan
    features = features_of(n_orders=np.repeat([1.0, 9.0], 100), margin=refunds)
    row = check_definition("more than 5 orders", features).differences.set_index("column").loc["margin"]
    a, b = refunds[100:], refunds[:100]
    b = b[~np.isnan(b)]
    assert row["effect"] == pytest.approx(np.sign(a[:, None] - b[None, :]).mean(), abs=2e-3) and row["n_others"] == 90


RULES_OF = [
    {"variable": "sex", "is": ["women"]}, {"variable": "age", "at_least": 18}, {"variable": "age", "at_most": 40},
    {"variable": "income", "is_not": ["Under 15K"]}, {"variable": "n_orders", "above": 1},
]  # fmt: skip


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.permutations(RULES_OF), st.integers(0, 3))
def test_order_of_rules_and_of_customers_is_irrelevant(rules, seed):
    features = made_up(300)
    first = check_definition(RULES_OF, features)
    shuffled = features.table.sample(frac=1, random_state=seed, ignore_index=True)
    second = check_definition(rules, CustomerFeatures(**{**vars(features), "table": shuffled}))
    assert first.rules == second.rules and first.findings == second.findings and first.coverage == second.coverage
    assert set(first.members) == set(second.members)
    pd.testing.assert_frame_equal(first.differences, second.differences)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(RULES_OF), min_size=1, max_size=4))
def test_more_rules_never_fit_more(rules):
    features = made_up(300)
    counted = [check_definition(rules[:n], features).coverage for n in range(1, len(rules) + 1)]
    assert [c.n_yes for c in counted] == sorted((c.n_yes for c in counted), reverse=True)
    assert all(c.n_known == c.n_yes + c.n_partly + c.n_no for c in counted)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read(text):
    check = check_definition(text)
    assert check.findings or check.rules
    assert all([text[a:b] for a, b in f.spans] == list(f.words) for f in check.findings)


def test_word_order_does_not_change_the_finding():
    parts = ["women", "18-40", "middle income", "in a city"]
    assert {tuple(codes(", ".join(order))) for order in permutations(parts)} == {("DEMOGRAPHIC_ONLY",)}


def claims_of(check, key="definition"):
    return definition_claims(check, TERMS, key=key)


def test_claims_of_a_definition():
    check = check_definition("women 18-40 with high income", made_up(2000, effect=0.08))
    claims = {c.id.removeprefix("ideal_customer.definition."): c for c in claims_of(check)}
    assert {"says", "only_sex_age_income", "covers", "revenue", "orders", "sharpen", "add", "not_counted_1"} <= set(
        claims
    )
    assert claims["revenue"].kind == "difference" and claims["revenue"].low < claims["revenue"].high
    assert claims["add"].rests_on == ("ideal_customer.definition.sharpen",)
    assert claims["not_counted_1"].status == "typed"
    assert "at the weekend" in render_claim(claims["sharpen"], language="en")
    both = [*claims_of(check), *claims_of(check, key="definition_2")]
    assert len(ledger_frame(both)["id"].unique()) == len(both)


def test_every_finding_has_a_rule_and_every_claim_a_sentence_and_plain_words():
    from custaudience.present.words import term

    features = made_up(1000)
    for definition in (
        "women 18-40",
        "Muslim millennials 20-45, 3 orders a month, zzz",
        "",
        [{"variable": "q", "is": "x"}],
    ):
        for claim in claims_of(check_definition(definition, features)):
            for language in ("en", "uk"):
                assert render_claim(claim, language=language) and term(claim.statistic, language).say
            json.dumps(dict(claim.values))
            assert "c0000" not in repr(claim)


def test_small_groups_are_named_without_figures():
    features = made_up(300)
    features.table.loc[:4, "sex"] = "M"
    few = check_definition(
        [{"variable": "revenue_total", "at_least": features.table["revenue_total"].nlargest(5).min()}], features
    )
    assert few.coverage.n_yes == 5 and few.differences.empty
    texts = [render_claim(c, language="en") for c in claims_of(few)]
    assert not any("fits 5 " in text for text in texts) and any("fewer than 10" in text for text in texts)


def test_between_ten_and_thirty_is_too_few_to_say():
    features = made_up(300)
    least = features.table["revenue_total"].nlargest(15).min()
    check = check_definition([{"variable": "revenue_total", "at_least": least}], features)
    per = next(row for row in check.differences.to_dict("records") if row["column"] == "evening_share")
    assert per["n"] == 15 and per["status"] == "too_few"
    assert all(c.status in ("too_few", "typed", "advice", "measured") for c in claims_of(check))
    assert not any(c.id.endswith("sharpen") for c in claims_of(check))


def test_behaviours_have_plain_words():
    from custaudience.customers.features.features import _MEANINGS

    named = sheet("custaudience.audience.definition")["phrases"]["behaviour"]
    assert set(_MEANINGS) - set(named) == {"first_category", "first_product"}


def test_compare_with_rest_of_nobody():
    features = made_up(50)
    empty = compare_with_rest(np.zeros(50, dtype="int8"), features, TERMS)
    assert empty["effect"].isna().all() and set(empty["status"]) == {"too_few"} and sharpest(empty) is None
