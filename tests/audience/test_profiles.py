"""Typed profiles traced to their sources and to the data; messages; how far a team agrees."""

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest
from persona_data import personas_of, shop

from custaudience.audience import (
    check_message,
    krippendorff_alpha,
    load_profile,
    parse_profile,
    profile_persona,
    team_agreement,
    trace_claims,
)
from custaudience.audience.profiles.checks import value_kinds
from custaudience.errors import ColumnError, ConfigError, DataError
from custaudience.present.words import render_claim

EXAMPLES = Path(__file__).parents[2] / "data" / "examples"


@pytest.fixture(scope="module")
def xyz():
    return load_profile(EXAMPLES / "xyz_electronics.toml")


@pytest.fixture(scope="module")
def fitness():
    return load_profile(EXAMPLES / "fitness_apparel.toml")


@pytest.fixture(scope="module")
def personas():
    return personas_of(shop())


def test_live_in_cities_comes_from_none_of_its_sources(xyz) -> None:
    trace = trace_claims(xyz)
    assert [t.line.text["en"] for t in trace.unsupported] == ["Live in cities"]
    assert [statement["en"] for _key, statement in trace.unused] == ["ready to invest in it"]
    assert {t.status for t in trace.lines} == {"typed"}


def test_the_same_is_found_in_ukrainian(xyz) -> None:
    lines = "; ".join(t.line.text["uk"] for t in trace_claims(xyz).lines)
    sources = {key: text["uk"] for key, text in xyz.sources.items()}
    assert [t.line.text for t in trace_claims(lines, sources=sources).unsupported] == ["Живуть у містах"]


def test_fitness_apparel_has_all_its_fields_and_each_line_its_source(fitness) -> None:
    fields = {line.field["en"] for line in fitness.lines}
    assert fields == {
        "Target", "Demography", "Psychography", "Interests", "Behaviour", "Preferences", "Problems and needs",
        "Influences", "Buying habits", "Conclusion",
    }  # fmt: skip
    trace = trace_claims(fitness)
    assert all(t.sources and t.status == "typed" for t in trace.lines)
    said = " ".join(line.text["en"].casefold() for line in fitness.lines)
    for word in (
        *("women", "20 to 45", "city", "health", "fashion", "yoga", "running", "gym", "outdoors", "ecology", "bright"),
        *("versatile", "fit", "function", "support", "body positivity", "influencers", "friends", "communities"),
        *("online", "reviews", "ratings", "seamless", "share their values", "quality", "stylish"),
    ):
        assert word in said, word


def test_examples_have_every_text_in_both_languages(xyz, fitness) -> None:
    for profile in (xyz, fitness):
        texts = [profile.title, profile.about, profile.who, profile.name, *profile.sources.values()]
        texts += [part for line in profile.lines for part in (line.field, line.text)]
        assert all(set(text) == {"en", "uk"} and all(text.values()) for text in texts)


def test_each_line_of_a_typed_card_names_its_source(xyz) -> None:
    persona = profile_persona(xyz)
    lines = [c for c in persona.claims() if "line" in c.values and c.values.get("found_in") is not None]
    assert len(lines) == len(xyz.lines) and {c.status for c in lines} == {"typed"}
    assert [c.values["line"]["en"] for c in lines if not c.values["found_in"]] == ["Live in cities"]
    assert all("quote" in c.values for c in lines if c.values["found_in"])
    assert persona.filled == ("demographics", "goals", "sources", "problems")
    assert persona.slots["barriers"][0].statistic == "not_measured"


def test_text_is_held_against_the_data(personas) -> None:
    alpha = next(p for p in personas if p.segment == "alpha")
    text = "Aged 44 to 56 years; buys more fish; aged 20 to 34; likes bread; plays the piano"
    found = {t.line.text.strip(): t for t in trace_claims(text, alpha).lines}
    assert found["Aged 44 to 56 years"].status == "measured"
    assert found["Aged 44 to 56 years"].rests_on.values["category"] == "45-54"
    assert found["buys more fish"].status == "measured" and found["buys more fish"].rests_on.unit == "ratio"
    assert found["likes bread"].status in ("no_clear_difference", "contradicted")
    assert found["plays the piano"].status == "typed"


def test_data_can_say_otherwise(personas) -> None:
    beta = next(p for p in personas if p.segment == "beta")
    profile = parse_profile(
        'key = "b"\ntitle = "Beta"\nwritten_on = 2025-01-01\n'
        '[[field]]\nname = "Buys"\nslot = "categories"\nlines = ["Loves fish"]'
    )
    trace = trace_claims(profile, beta)
    fish = next(c for c in beta.slots["categories"] if c.values["raw"] == "Fish")
    assert fish.status == "measured" and fish.value < 1
    assert trace.lines[0].status == "contradicted"
    (claim,) = profile_persona(profile, trace).slots["categories"]
    assert (claim.status, claim.kind, claim.rests_on) == ("contradicted", "difference", (fish.id,))


@pytest.mark.parametrize(
    ("text", "words"), [("key = ", "not valid TOML"),
     ('key = "a"', "'title' is missing"),
     ('key="a"\ntitle="t"\nwritten_on="2025"\nfield=[]', "written_on must be a date"),
     ('key="a"\ntitle="t"\nwritten_on=2025-01-01\nfields=[]', "Did you mean 'field'"),
     ('key="a"\ntitle="t"\nwritten_on=2025-01-01\n[[field]]\nname="x"\nslot="goal"', "Did you mean 'goals'")],
)  # fmt: skip
def test_a_wrong_profile_says_what_is_wrong(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_profile(text)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "{line:count}", "\u202egnp", "=1+1", "x" * 10_000, ""])
def test_hostile_profile(text: str) -> None:
    profile = parse_profile('key="a"\ntitle="t"\nwritten_on=2025-01-01\n[[field]]\nname="x"\nslot="goals"\nlines=["y"]')
    line = profile.lines[0].__class__("x", "goals", text)
    profile = profile.__class__(**{**profile.__dict__, "lines": (line,), "title": text, "about": text})
    persona = profile_persona(profile)
    assert all(len(render_claim(c, language="en")) < 12_000 for c in persona.claims())
    assert trace_claims(text).lines == () if not text else trace_claims(text).lines is not None


def test_message_against_needs(xyz) -> None:
    persona = profile_persona(xyz)
    check = check_message("One app controls every device. Your data stay private. Easy to set up.", persona)
    covered = set(check.needs.loc[check.needs["covered"], "need"])
    assert {"Central control", "Data security and privacy"} <= covered
    assert "Early adopters" not in covered and not check.needs["covered"].iloc[0]
    values = check.values.set_index("value")["covered"]
    assert len(values) == 11 == len(value_kinds()) and values["health_and_safety"] and not values["economic"]
    in_uk = check_message("Безпека даних і приватність – у кожному пристрої.", persona)
    assert "Безпека даних і приватність" in set(in_uk.needs.loc[in_uk.needs["covered"], "need"])


def test_message_where_needs_were_not_measured(personas) -> None:
    alpha = next(p for p in personas if p.segment == "alpha")
    check = check_message("Fresh fish today!", alpha)
    assert set(check.needs["slot"]) == {"categories"} and check.needs.set_index("need").loc["Fish", "covered"]
    assert "not measured" in check.notes[0]
    empty = check_message("", alpha)
    assert not empty.needs["covered"].any() and "no words" in empty.notes[-1]
    assert any("first 20,000" in note for note in check_message("x " * 20_001, alpha).notes)


# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability: examples A to C
_MEG = "0 1 0 0 0 0 0 0 0 0".split()
_OWEN = "1 1 1 0 0 1 0 1 0 0".split()
_BEN = "a a b b d c c c e d d a".split()
_GERRY = "b a b b b c c c e d d d".split()
_FOUR = (
    "1 2 3 3 2 1 4 1 2 . . .".split(), "1 2 3 3 2 2 4 1 2 5 . 3".split(), ". 3 3 3 2 3 4 2 2 5 1 .".split(),
    "1 2 3 3 2 4 4 1 2 5 1 .".split(),
)  # fmt: skip


@pytest.mark.parametrize(
    ("observers", "alpha"), [((_MEG, _OWEN), 0.095), ((_BEN, _GERRY), 0.692), (_FOUR, 0.743)], ids=["A", "B", "C"]
)
def test_alpha_of_published_examples(observers, alpha: float) -> None:
    units = [[v for v in unit if v != "."] for unit in zip(*observers, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(alpha, abs=5e-4)


def test_disputed_fields_come_first() -> None:
    rows = []
    for person, age, sex, goal in (
        ("A", "30-45", "f", "time"),
        ("B", "30-45", "F ", "price"),
        ("C", "30-45", "m", "quality"),
    ):
        rows += [(person, "p1", "age", age), (person, "p1", "sex", sex), (person, "p1", "goal", goal)]
        rows += [(person, "p2", "age", "60+"), (person, "p2", "sex", "f"), (person, "p2", "goal", "")]
    table = team_agreement(pd.DataFrame(rows, columns=["person", "persona", "field", "value"]))
    assert list(table["field"]) == ["goal", "sex", "age", "all fields"]
    by_field = table.set_index("field")
    assert by_field.loc["goal", "agreement"] == 0 and pd.isna(by_field.loc["goal", "alpha"])  # one persona only
    assert by_field.loc["sex", "agreement"] == pytest.approx((2 + 6) / 12)
    assert by_field.loc["age", "alpha"] == 1
    assert by_field.loc["sex", "answers"] == "f (5); m (1)"


@pytest.mark.parametrize(
    ("table", "error", "words"),
    [({"person": ["A"], "field": ["x"]}, ColumnError, "'value' not found"),
     ({"person": ["A", "A"], "field": ["x", "y"], "value": ["1", "2"]}, DataError, "fewer than two people"),
     ({"person": ["A", "A"], "field": ["x", "x"], "value": ["1", "2"]}, DataError, "same field twice"),
     ({"person": ["A", "B"], "field": ["x", "x"], "value": [None, ""]}, DataError, "fewer than two people")],
)  # fmt: skip
def test_agreement_refuses_in_words(table, error, words: str) -> None:
    with pytest.raises(error, match=words):
        team_agreement(pd.DataFrame(table))


def test_profile_date_is_the_date_of_the_card(xyz) -> None:
    assert profile_persona(xyz).as_of == xyz.written_on == dt.date(2026, 11, 22)
