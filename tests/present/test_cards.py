"""Persona cards: every sentence a claim, nothing from data that can break or leak, one page, in each language."""

import dataclasses
import html
import json
import re
import sys
import time
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from browser import axe_faults, browser, clipped, lost_links, page_of

from custaudience.audience import PersonaFrame, load_profile, personas_from_json, personas_to_json, profile_persona
from custaudience.errors import CustaudienceError
from custaudience.evidence import Terms
from custaudience.present import card_data, card_markdown, card_png, card_schema, persona_card, persona_sheet
from custaudience.present.cards import accent_of, drawing, shape_of
from custaudience.present.style import BLUE, GREEN, PURPLE, REST, VERMILION
from custaudience.present.words import WordsError, terms

sys.path.insert(0, str(Path(__file__).parents[1] / "audience"))
from persona_data import AS_OF, features_of, personas_of, shop

EXAMPLES = Path(__file__).parents[2] / "data" / "examples"
HOSTILE = (
    "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "\u202egnp.exe\u2066", "=cmd|' /C calc'!A0",
    "x" * 10_000
)  # fmt: skip
CAVEAT = {"en": "Made up from end to end.", "uk": "Вигадано від початку до кінця."}


def _with_text(text: str) -> list:
    made = shop()
    table = made["features"].table.assign(channel=np.where(np.arange(300) % 2, text, "Friends"))
    return list(
        personas_of(
            made, features=features_of(table, ("age", "channel")), labels=made["labels"].replace("alpha", text),
            category_sales=made["sales"].replace({"category": {"Fish": text}}),
            frame=PersonaFrame(text, caveats=[text]),
        )
    )  # fmt: skip


def _built():
    return personas_of(shop(), Terms(AS_OF, "UAH"), frame=PersonaFrame("Made up", caveats=[CAVEAT]))


@pytest.fixture(scope="module")
def personas():
    return _built()


@pytest.fixture(scope="module")
def examples():
    return [profile_persona(load_profile(path)) for path in sorted(EXAMPLES.glob("*.toml"))]


def _stretched(persona):
    """Give every label 45 characters and every amount nine digits of ₫."""
    long = ("Будівельні матеріали й оздоблення для дому, сад", "Thực phẩm chức năng và đồ dùng gia đình cao cấp")

    def longer(claim, i):
        values = dict(claim.values) | {"currency": "VND", "segment": long[0][:45]}
        for key in ("category", "feature"):
            if values.get(key):
                values[key] = long[i % 2][:45]
        if str(values.get("form", "")).startswith("money"):
            values |= {"value": 123_456_789.0 + i, "others": 987_654_321.0}
        change = {"unit": "VND", "low": 1.1e8, "high": 2.2e8} if claim.unit == "UAH" and claim.low is not None else {}
        return dataclasses.replace(claim, values=values, **change)

    slots = {slot: tuple(longer(c, i) for i, c in enumerate(claims)) for slot, claims in persona.slots.items()}
    return dataclasses.replace(persona, slots=slots, currency="VND")


def texts_of(page: str) -> list[str]:
    """Return what a reader sees, piece by piece."""
    body = re.sub(r"<(style|title)>.*?</\1>", "", page, flags=re.DOTALL)
    return [html.unescape(t).strip() for t in re.findall(r">([^<]+)<", body) if t.strip()]


@pytest.mark.parametrize("language", ["en", "uk"])
def test_every_sentence_is_a_claim_with_id_and_status(personas, examples, language: str) -> None:
    for persona in (*personas, *examples):
        page = persona_card(persona, language=language)
        ids = {c.id: c for c in persona.claims()}
        shown = re.findall(r'data-claim="([^"]+)" data-status="([^"]+)"', page)
        assert {claim_id for claim_id, _status in shown} == set(ids)
        assert all(ids[claim_id].status == status for claim_id, status in shown)
        # whatever stands outside such an element is one of the fixed words of ours: no sentence, no figure
        rest = re.sub(r'<(\w+)[^>]*data-claim="[^"]+"[^>]*>.*?</\1>', "", page, flags=re.DOTALL)
        rest = re.sub(r"<(style|head|svg|ol|sup|h2)\b.*?</\1>", "", rest, flags=re.DOTALL)
        for text in texts_of(rest):
            assert not re.search(r"\d\s*%|\$|₴", text), text


def test_each_claim_has_plain_words(personas, examples) -> None:
    assert {c.statistic for p in (*personas, *examples) for c in p.claims()} <= set(terms())


def test_evidence_links_land(personas, examples) -> None:
    for page in (*map(persona_card, (*personas, *examples)), persona_sheet(personas)):
        targets = set(re.findall(r'id="(f\d+)"', page))
        links = re.findall(r'href="#([^"]+)"', page)
        assert links and set(links) == targets


def test_page_is_whole_in_itself(personas) -> None:
    for page in (persona_card(personas[0]), persona_sheet(personas)):
        assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in page
        assert not re.search(r"<script|javascript:|https?://|@import|url\(|\son\w+=", page)


def test_ukrainian_changes_every_visible_word(personas, examples) -> None:
    for persona in (*personas, *examples):
        same = set(texts_of(persona_card(persona, language="en"))) & set(texts_of(persona_card(persona, language="uk")))
        known = {"Made up", "Made up.", "Fish", "Bread", "Paint", "alpha", "beta", "gamma"}
        assert not {t for t in same if re.search(r"[A-Za-z]{2}", t)} - known
    english = set(texts_of(persona_sheet(personas))) & set(texts_of(persona_sheet(personas, language="uk")))
    assert not {t for t in english if re.search(r"[A-Za-z]{2}", t)} - {"Made up"}


def test_numbers_money_and_dates_are_the_languages_own(personas) -> None:
    page = persona_card(personas[0], language="uk")
    assert "₴" in page and "31 жовтня 2025 р." in html.unescape(page).replace("\u00a0", " ")
    assert "UAH" in persona_card(personas[0])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_and_does_nothing(text: str) -> None:
    for persona in _with_text(text):
        for page in (persona_card(persona), persona_card(persona, language="uk"), persona_sheet([persona])):
            assert "<script" not in page and "<img" not in page
            assert not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", page)
            assert len(page) < 60_000
        markdown = card_markdown(persona)
        assert "<script" not in markdown.replace("\\<", "") and "\n=" not in markdown and len(markdown) < 40_000
        jsonschema.validate(json.loads(json.dumps(card_data(persona))), json.loads(card_schema()))


def test_no_customer_and_no_small_group_in_any_file(personas) -> None:
    made = shop()
    labels = made["labels"].copy()
    labels.iloc[:7] = "tiny"
    built = personas_of(made, labels=labels)
    for persona in (*personas, *built):
        out = (persona_card(persona), card_markdown(persona), json.dumps(card_data(persona)), persona_sheet([persona]))
        assert not any("secret-" in text for text in out)
    tiny = next(p for p in built if p.segment == "tiny")
    page = persona_card(tiny)
    assert "fewer than 10 customers" in html.unescape(page).replace("\u00a0", " ")
    assert card_data(tiny)["n"] is None and not re.search(r"\b7\b", " ".join(texts_of(page)))


def test_language_not_offered_names_those_that_are(personas) -> None:
    for make in (persona_card, card_markdown, card_data):
        with pytest.raises(WordsError, match="no report language 'ukr'; there are en, uk"):
            make(personas[0], language="ukr")
    with pytest.raises(WordsError):
        persona_sheet(personas, language="xx")
    with pytest.raises(ValueError, match="no persona"):
        persona_sheet([])


def test_data_agree_with_their_schema(personas, examples) -> None:
    schema = json.loads(card_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    for persona in (*personas, *examples):
        data = json.loads(json.dumps(card_data(persona, language="uk"), allow_nan=False))
        jsonschema.validate(data, schema)
        assert [c["id"] for claims in data["slots"].values() for c in claims] == [c.id for c in persona.claims()]


def test_markdown_says_the_same_sentences(personas) -> None:
    markdown = card_markdown(personas[0])
    for claims in card_data(personas[0])["slots"].values():
        for claim in claims:
            assert claim["text"].split("“")[0].strip()[:40] in markdown.replace("\\", ""), claim["id"]


def test_same_persona_same_bytes(personas) -> None:
    assert [persona_card(p) for p in _built()] == [persona_card(p) for p in personas]


def test_a_card_is_the_same_after_a_way_through_text(personas, examples) -> None:
    several = [*personas, *examples]
    text = personas_to_json(several)
    again = personas_from_json(text)
    assert [persona_card(p, language="uk") for p in again] == [persona_card(p, language="uk") for p in several]
    assert personas_to_json(again) == text and "secret-" not in text


def test_one_accent_per_segment() -> None:
    made = shop(200)
    rfm = personas_of(
        made, labels=made["labels"].map({"alpha": "champions", "beta": "cannot_lose", "gamma": "dormant"})
    )
    assert [accent_of(p) for p in rfm] == [BLUE, PURPLE, REST]
    found = [dataclasses.replace(rfm[0], system="found", segment="A", place=i) for i in range(6)]
    assert [accent_of(p) for p in found] == [BLUE, GREEN, VERMILION, PURPLE, REST, REST]


def test_bars_diverge_from_one(personas) -> None:
    page = persona_card(next(p for p in personas if p.segment == "alpha"))
    bars = re.findall(r'class="bar( same)?( less)?".*?left:([\d.]+)%;width:([\d.]+)%', page)
    assert bars
    for _same, less, left, width in bars:
        assert float(left) + float(width) == pytest.approx(38, abs=0.11) if less else float(left) == 38


def test_picture_shows_things_and_is_always_the_same() -> None:
    picture = drawing("<b", ["Milk", "Bread", "Fish", "Tools"], accent=BLUE, dark="#005", light="#eef", label='a "b"')
    assert picture == drawing("<b", ["Milk", "Bread", "Fish"], accent=BLUE, dark="#005", light="#eef", label='a "b"')
    assert "&lt;</text>" in picture and picture.count("<g ") == 3 and "&#34;b&#34;" in picture
    assert drawing("A", [], accent=BLUE, dark="#005", light="#eef", label="x").count("<g ") == 0
    known = {"Фарби та оздоблення": "roller", "FLUID MILK PRODUCTS": "bottle", "Xyz": "parcel", "": "parcel"}
    assert {name: shape_of(name) for name in known} == known


def test_a_card_takes_under_50_ms(personas) -> None:
    persona_card(personas[0])
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        persona_card(personas[0])
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.05


def test_no_chromium_says_what_to_install(personas, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(CustaudienceError, match="apt-get install chromium"):
        card_png("<p>x</p>", tmp_path / "x.png")
    with pytest.raises(CustaudienceError, match="could not draw"):
        card_png("<p>x</p>", tmp_path / "x.png", browser="/nonexistent/chromium")


@pytest.mark.browser
def test_cards_fit_a4_and_a_phone(personas, examples, tmp_path) -> None:
    """One A4 page in the widest fallback font, 360 px and 200 % zoom without anything clipped; axe finds nothing."""
    alpha = next(p for p in personas if p.segment == "alpha")
    shown = [alpha, *examples, _stretched(alpha), _with_text(HOSTILE[4])[0]]
    with browser() as started:
        for i, persona in enumerate(shown):
            for language in ("en", "uk"):
                path = tmp_path / f"{i}-{language}.html"
                path.write_text(persona_card(persona, language=language), encoding="utf-8")
                with page_of(started, path, width=360) as page:
                    assert clipped(page) == [], (persona.key, language)
                    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
                    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1, (persona.key, language)
                    assert lost_links(page) == [] and page.asked == [path.as_uri()] and page.said == []
            with page_of(started, tmp_path / f"{i}-uk.html", width=640) as page:
                assert clipped(page) == []
                if i < 2:
                    assert axe_faults(page) == []


@pytest.mark.browser
@pytest.mark.parametrize("n", [1, 9])
def test_sheet_fits_its_widths(personas, tmp_path, n: int) -> None:
    several = [_stretched(personas[i % 3]) if i % 2 else personas[i % 3] for i in range(n)]
    several = [dataclasses.replace(p, key=f"k{i}") for i, p in enumerate(several)]
    path = tmp_path / "sheet.html"
    path.write_text(persona_sheet(several, language="uk"), encoding="utf-8")
    with browser() as started:
        for width in (360, 800, 1280):
            with page_of(started, path, width=width) as page:
                assert clipped(page) == [], width
                assert lost_links(page) == []
                if width == 1280:
                    assert axe_faults(page) == []


@pytest.mark.browser
def test_picture_file_is_trimmed(personas, tmp_path) -> None:
    with browser():  # skips where there is none
        pass
    from matplotlib.image import imread

    picture = imread(card_png(persona_card(personas[0]), tmp_path / "card.png", width=400))
    assert picture.shape[1] == 400 and 1000 < picture.shape[0] < 8000
