import datetime as dt

import numpy as np
import pandas as pd
import pytest
from markupsafe import Markup

from custaudience.evidence import Claim
from custaudience.present.locale import languages
from custaudience.present.words import (
    STATUS_NAMES,
    WordsError,
    format_value,
    label,
    plural_tags,
    render,
    render_claim,
    status_name,
    term,
    terms,
    translator,
)

NB = "\u00a0"
WRITTEN = [
    ("count", 1469307, "1,469,307", f"1{NB}469{NB}307"), ("count", np.int64(-12), "−12", "−12"),
    ("number", 1.5, "1.5", "1,5"), ("number1", 0.04, "0.0", "0,0"), ("number2", 1234.5, "1,234.50", f"1{NB}234,50"),
    ("number3", 0.0004, "0.000", "0,000"), ("percent", 0.0921, f"9{NB}%", f"9{NB}%"),
    ("percent1", -0.0618, f"−6.2{NB}%", f"−6,2{NB}%"), ("signed_percent1", 0.038, f"+3.8{NB}%", f"+3,8{NB}%"),
    ("signed_percent1", -0.0002, f"0.0{NB}%", f"0,0{NB}%"), ("points1", -0.024, f"−2.4{NB}points", f"−2,4{NB}в.{NB}п."),
    ("money", -421720.45, "−$421,720.45", f"−421{NB}720,45{NB}USD"),
    ("money0", 421720.45, "$421,720", f"421{NB}720{NB}USD"),
    ("date", "2017-12-31", f"31{NB}December{NB}2017", f"31{NB}грудня{NB}2017{NB}р."),
    ("date", dt.date(2017, 2, 1), f"1{NB}February{NB}2017", f"1{NB}лютого{NB}2017{NB}р."),
    ("month", "2017-12", "December 2017", f"грудень 2017{NB}р."),
    ("month_in", "2017-12", "December 2017", f"грудні 2017{NB}року"),
    ("text", "<b>Anna</b>", "<b>Anna</b>", "<b>Anna</b>"),
    ("text", {"en": "Simulated.", "uk": "Змодельовано."}, "Simulated.", "Змодельовано."),
    ("term", "at_risk", "At risk", "Під загрозою"),
    ("term", "Champions", "Champions", "Чемпіони"),
    ("term", "Our own name", "Our own name", "Our own name"),
]  # fmt: skip


@pytest.mark.parametrize(("form", "value", "english", "ukrainian"), WRITTEN)
def test_a_value_is_written_as_the_language_writes_it(form, value, english, ukrainian):
    assert format_value(value, form, language="en", currency="USD") == english
    assert format_value(value, form, language="uk", currency="USD") == ukrainian


@pytest.mark.parametrize(
    ("currency", "english", "ukrainian"),
    [("UAH", f"UAH{NB}12.50", f"12,50{NB}₴"), ("VND", "₫12", f"12{NB}VND"), ("EUR", "€12.50", f"12,50{NB}EUR")],
)
def test_money_has_the_digits_of_its_currency(currency, english, ukrainian):
    assert format_value(12.5, "money", currency=currency) == english
    assert format_value(12.5, "money", language="uk", currency=currency) == ukrainian


def test_money_comes_in_nine_digits_without_a_break():
    assert " " not in format_value(123456789, "money", language="uk", currency="VND")


@pytest.mark.parametrize(
    ("n", "english", "ukrainian"),
    [(1, "customer", "клієнт"), (2, "customers", "клієнти"), (5, "customers", "клієнтів"), (21, "customers", "клієнт")],
)
def test_the_noun_follows_its_number_and_stays_with_it(n, english, ukrainian):
    text = "{n:count} {n:plural customer|customers}"
    assert render(text, {"n": n}, language="en") == f"{n}{NB}{english}"
    assert render(text, {"n": n}, language="uk") == f"{n}{NB}{ukrainian}"


def test_a_fraction_takes_the_last_form_where_only_whole_numbers_have_forms():
    assert render("{n:number} {n:plural customer|customers}", {"n": 1.5}, language="uk") == f"1,5{NB}customers"
    assert plural_tags("uk") == ("one", "few", "many")


def test_a_message_without_translation_keeps_its_english_plural():
    assert render("{n:count} {n:plural hedgehog|hedgehogs}", {"n": 21}, language="uk") == f"21{NB}hedgehogs"


def test_html_escapes_text_and_template_alike():
    out = render("a < b, {name:text}", {"name": '<script>alert(1)</script>" onmouseover='}, language="en", html=True)
    assert isinstance(out, Markup)
    assert out == "a &lt; b, &lt;script&gt;alert(1)&lt;/script&gt;&#34; onmouseover="


def test_braces_are_written_double_and_sentences_nest():
    assert render("{{x}}", {}, language="en") == "{x}"
    values = {"then": "{n:count} more.", "n": 3}
    assert render("So. {then:sentence}", values, language="en") == "So. 3 more."


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [("{n:cuont}", {"n": 1}, "unknown format 'cuont'. Did you mean 'count'?"),
     ("{n}", {"n": 1}, "no format; write {n:count}"),
     ("{customers:count}", {"customer": 1}, "no value 'customers'. Did you mean 'customer'?"),
     ("{n:count}", {"n": None}, "missing"),
     ("{n:count}", {"n": float("nan")}, "missing"),
     ("{n:count}", {"n": pd.NA}, "missing"),
     ("{n:count}", {"n": "12"}, "expected a number, came '12'"),
     ("{n:count}", {"n": float("inf")}, "finite"),
     ("{n:money}", {"n": 1}, "money needs a currency"),
     ("{n:date}", {"n": "31.12.2017"}, "expected a date like 2017-12-31"),
     ("{n:plural a|b|c}", {"n": 1}, "3 plural forms given; 'en' needs 2: one|other"),
     ("{n:count", {"n": 1}, "single brace")]
)  # fmt: skip
def test_what_cannot_be_rendered_says_why(text, values, message):
    with pytest.raises(WordsError) as error:
        render(text, values, language="en")
    assert message in str(error.value)


def test_an_unknown_language_names_the_known_ones():
    with pytest.raises(WordsError, match=r"no report language 'ukr'; there are en, uk\. Did you mean 'uk'\?"):
        translator("ukr")


def test_a_broken_claim_names_itself():
    claim = Claim(
        id="start_here.revenue", template="{value:money0}", values={"value": 1.0}, kind="count", statistic="revenue",
        value=1.0, unit="USD", n=1, source="transactions", as_of=dt.date(2017, 12, 31), notebook="00.ipynb",
    )  # fmt: skip
    with pytest.raises(WordsError, match=r"claim start_here\.revenue: .*needs a currency"):
        render_claim(claim, language="en")


def test_every_status_has_a_name_in_every_language():
    for language in languages():
        assert len({status_name(status, language) for status in STATUS_NAMES}) == len(STATUS_NAMES)


@pytest.mark.parametrize("statistic", terms())
@pytest.mark.parametrize("language", languages())
def test_every_statistic_has_whole_plain_words(statistic, language):
    words = term(statistic, language)
    assert all((words.name, words.say, words.does_not_mean, words.glossary))
    assert all(text.endswith(".") for text in (words.say, words.does_not_mean, words.glossary))
    if language == "uk":
        assert words != term(statistic, "en")


def test_the_glossary_holds_both_schemes_of_target_and_potential():
    assert "Lost" in term("lifecycle", "en").glossary
    assert "want" in term("lifecycle_by_product", "en").glossary


def test_an_unknown_statistic_names_the_nearest():
    with pytest.raises(WordsError, match="Did you mean 'retention'"):
        term("retentoin", "en")


def test_a_code_without_translation_is_still_readable():
    assert label("brand_new_code", "uk") == "Brand new code"
