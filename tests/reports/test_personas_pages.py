"""personas/ of a month: cards, texts and data in each language, their index, and what the first page says of them."""

import dataclasses
import html
import json
import re
import shutil
import sys
from pathlib import Path

import jsonschema
import made_up
import numpy as np
import pandas as pd
import pytest

from custaudience.audience import PersonaFrame, personas_to_json
from custaudience.audience.personas.claims import month_claims
from custaudience.audience.personas.months import (
    NOBODY,
    PersonaMonth,
    carried_names,
    group_sizes,
    match_groups,
    persona_changes,
)
from custaudience.audience.personas.words import name_numbers
from custaudience.errors import DataError, MissingEngineError
from custaudience.evidence import Terms, publish
from custaudience.present import card_schema
from custaudience.recipes import published_personas
from custaudience.reports import site
from custaudience.reports.ledger import read_ledger
from custaudience.reports.plan import Request, make_plan, tasks_of

for room in ("present", "audience"):
    sys.path.insert(0, str(Path(__file__).parents[1] / room))
from browser import axe_faults, browser, clipped, lost_links, page_of  # noqa: E402
from persona_data import AS_OF, TERMS, features_of, personas_of, shop  # noqa: E402

HOSTILE = "<script>alert(1)</script>\u202e{n:count} \"'=cmd|' /C calc'!A0"
LONG = "Будівельні матеріали й оздоблення для дому, сад"[:45]


def persona_month(*, text: str = "", rename: dict[str, str] | None = None, tiny: int = 0) -> PersonaMonth:
    """Return the personas of the made-up shop beside a month before, in which one group was in two others."""
    made = shop()
    names = {"alpha": "champions", "beta": "dormant", "gamma": "recent"} | (rename or {})
    now = made["labels"].map(names)
    if tiny:
        now.iloc[:tiny] = "at_risk"
    before = now.replace({names["gamma"]: names["beta"]}).where(np.arange(300) > 20, "cannot_lose")
    table, sales = made["features"].table, made["sales"]
    if text:
        table = table.assign(channel=np.where(np.arange(300) % 2, text, "Friends"))
        sales = sales.replace({"category": {"Fish": text}})
    revenue = table.set_index("customer_id")["revenue_total"]
    by_rule = not rename
    matches = match_groups(now, before, by_name=by_rule)
    then = name_numbers(sorted(set(before)))
    carried = carried_names(matches, then)
    caveats = [{"en": "Made up.", "uk": "Вигадано."}, *([text] if text else [])]
    frame = PersonaFrame(text or "Made up", names=carried, caveats=caveats)
    features, terms = features_of(table, ("age", "channel")), Terms(AS_OF, "UAH")
    personas = personas_of(made, terms, frame=frame, features=features, labels=now, category_sales=sales)
    sizes = [group_sizes(labels, revenue, min_group_size=10) for labels in (now, before)]
    changes = persona_changes(matches, *sizes, name_numbers(sorted(set(now)), carried), then)
    return PersonaMonth(personas, changes, made_up.AS_OF, pd.Timestamp("2017-11-30").date(), "rfm")


def render(folder: Path, month: PersonaMonth, **changes: object) -> Path:
    """Publish personas as the notebook does, beside a made-up month, and write its pages."""
    together = month_claims(month, Terms(month.as_of))
    claims = [*together, *[claim for persona in month.personas for claim in persona.claims()]]
    made_up.build_month(folder, extra=tuple(claims))
    texts = {"personas/personas.json": personas_to_json(month.personas)}
    publish(folder, "personas", tables={"persona_changes": month.changes}, claims=claims, texts=texts)
    site.render_month(folder, made_up.run_info(**changes))
    return folder


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("study") / "2017-12", persona_month())


def words_of(page: Path) -> list[str]:
    """Return what a reader sees, piece by piece, and what is read out."""
    text = page.read_text(encoding="utf-8")
    body = re.sub(r"<(style|title)>.*?</\1>", "", text, flags=re.DOTALL)
    pieces = re.findall(r">([^<]+)<", body) + re.findall(r'(?:aria-label|alt|data-k)="([^"]+)"', body)
    return [html.unescape(piece).strip() for piece in pieces if piece.strip()]


def test_the_folder_holds_cards_texts_and_data_in_each_language(published: Path) -> None:
    keys, found = ("champions", "dormant", "recent"), {p.name for p in (published / "personas").iterdir()}
    assert found == {
        "personas.json", "index.html", "index.uk.html",
        *(f"{key}{language}.{kind}" for key in keys for language in ("", ".uk") for kind in ("html", "md", "json")),
    }  # fmt: skip
    schema = json.loads(card_schema())
    for path in (published / "personas").glob("*.json"):
        if path.name != "personas.json":
            jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), schema)
    assert json.loads((published / "personas/recent.uk.json").read_text(encoding="utf-8"))["language"] == "uk"


def test_the_first_page_names_personas_and_what_became_of_them(published: Path) -> None:
    text = html.unescape((published / "index.html").read_text(encoding="utf-8")).replace("\u00a0", " ")
    section = re.search(r'aria-labelledby="personas">(.*?)</section>', text, re.DOTALL)
    assert section is not None
    rows = re.findall(r"<tr>(.*?)</tr>", section[1], re.DOTALL)
    told = [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)) for row in rows]
    champions = next(row for row in told if "Champions" in row)
    # 90 of 300, and then 69 of 300: 30 % more
    assert "30.0 %" in champions and "23.0 %" in champions and "a quarter of its customers" in champions
    assert "new" in next(row for row in told if "Recent" in row)
    assert "gone" in next(row for row in told if "Cannot lose" in row)
    for link in re.findall(r'href="(personas/[^"#]+)"', section[1]):
        assert (published / link).is_file(), link


def test_each_page_is_reached_from_each_other(published: Path) -> None:
    for path in sorted(published.rglob("*.html")):
        if path.parent.name == "appendix":
            continue
        links = re.findall(r'href="([^"#]+)"', path.read_text(encoding="utf-8"))
        inside = {(path.parent / link).resolve() for link in links} & {p.resolve() for p in published.rglob("*.html")}
        language = ".uk" if ".uk." in path.name else ""
        if path.parent.name == "personas":
            assert (published / f"index{language}.html").resolve() in inside, path.name
            if not path.name.startswith("index"):
                assert (published / "personas" / f"index{language}.html").resolve() in inside
        else:
            assert (published / "personas" / f"index{language}.html").resolve() in inside, path.name
        for link in links:
            target = (path.parent / link).resolve()
            assert target.exists() or target.name in ("manifest.json", "index.html") or "appendix" in link, link


def test_pages_are_whole_in_themselves(published: Path) -> None:
    for path in (published / "personas").glob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action" in page
        assert not re.search(r"<script|<link|javascript:|https?://|@import|url\(|\son\w+=", page), path.name
        assert len(re.findall(r'\bid="([^"]+)"', page)) == len(set(re.findall(r'\bid="([^"]+)"', page)))


def test_every_line_has_its_evidence(published: Path) -> None:
    """Each sentence on the index is a claim; each number leads to its evidence, and each evidence is led to."""
    ledger = set(read_ledger(published))
    for path in (published / "personas").glob("*.html"):
        page = path.read_text(encoding="utf-8")
        shown = set(re.findall(r'data-claim="([^"]+)"', page))
        assert shown and shown <= ledger
        targets = set(re.findall(r'id="(f\d+)"', page))
        assert targets == set(re.findall(r'href="#(f\d+)"', page)), path.name


def test_ukrainian_changes_every_visible_word(published: Path) -> None:
    names = {"Made up", "Made up.", "Fish", "Bread", "Paint", "Grocery panel", "English", "USD"}
    for path in sorted((published / "personas").glob("*.uk.html")):
        english = words_of(path.with_name(path.name.replace(".uk", "")))
        same = {word for word in set(english) & set(words_of(path)) if re.search(r"[A-Za-z]{2}", word)}
        assert not same - names, path.name


def test_no_id_and_no_small_group_in_any_file(tmp_path: Path) -> None:
    folder = render(tmp_path / "2017-12", persona_month(tiny=7))
    files = [p for p in folder.rglob("*") if p.is_file()]
    for path in files:
        text = pd.read_parquet(path).to_csv() if path.suffix == ".parquet" else path.read_text(encoding="utf-8")
        assert "secret-" not in text, path.name
    assert not (folder / "personas" / "at_risk.html").exists()
    sheet = " ".join(words_of(folder / "personas" / "index.html")).replace("\u00a0", " ")
    assert "At risk: fewer than 10 customers" in sheet
    personas = json.loads((folder / "personas" / "personas.json").read_text(encoding="utf-8"))
    for persona in personas:
        assert persona["n"] is None or persona["n"] >= 10
        for claim in (c for claims in persona["slots"].values() for c in claims):
            counts = [claim["n"], *(claim["values"].get(key) for key in ("n", "n_others", "buyers", "known"))]
            assert not [n for n in counts if isinstance(n, int) and 1 <= n <= 9], claim["id"]
    changes = pd.read_parquet(folder / "tables" / "persona_changes.parquet")
    assert not changes[["n_customers", "n_before"]].stack().between(1, 9).any()


def test_hostile_text_is_shown_and_does_nothing(tmp_path: Path) -> None:
    month = persona_month(text=HOSTILE, rename={"alpha": HOSTILE})
    folder = render(tmp_path / "2017-12", month)
    assert (folder / "personas" / "index.html").is_file()
    for path in (*(folder / "personas").iterdir(), *folder.glob("*.html")):
        assert re.fullmatch(r"[a-z0-9_.]+", path.name), path.name
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            assert "<script" not in text and not re.search("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)
        if path.suffix == ".md":
            assert "<script" not in text.replace("\\<", "")


def test_where_there_are_no_personas_the_page_says_why(tmp_path: Path) -> None:
    few = shop()["labels"].map(lambda name: "champions").iloc[:9]
    month = PersonaMonth(personas_of(shop(), TERMS, labels=few), pd.DataFrame(), made_up.AS_OF, None, "rfm")
    empty = dataclasses.replace(month, personas=(), reason=NOBODY)
    for i, (why, refused) in enumerate((("no segment has 10", month), ("nobody has an order", empty))):
        folder = render(tmp_path / str(i) / "2017-12", refused)
        for page in (folder / "index.html", folder / "personas" / "index.html"):
            assert why in " ".join(words_of(page)).replace("\u00a0", " "), page
        assert sorted(p.name for p in (folder / "personas").iterdir()) == [
            "index.html", "index.uk.html", "personas.json",
        ]  # fmt: skip


def test_a_month_without_the_notebook_has_no_such_pages(tmp_path: Path) -> None:
    folder = made_up.build_month(tmp_path / "2017-12")
    site.render_month(folder, made_up.run_info())
    assert not (folder / "personas").exists()
    assert "personas" not in (folder / "index.html").read_text(encoding="utf-8")


def test_same_month_same_bytes(published: Path, tmp_path: Path) -> None:
    again = render(tmp_path / "2017-12", persona_month())
    for path in (*published.glob("*.html"), *(published / "personas").iterdir()):
        assert path.read_bytes() == (again / path.relative_to(published)).read_bytes(), path.name


def test_files_are_written_below_out_only(tmp_path: Path) -> None:
    for name in ("../x.json", "/x.json", "a/../../x.json", "x"):
        with pytest.raises(ValueError, match="no plain file name"):
            publish(tmp_path, "personas", texts={name: "x"})
    publish("", "personas", texts={"personas/personas.json": "x"})
    assert not list(tmp_path.iterdir())


def test_pictures_without_a_browser_are_refused_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(MissingEngineError, match="Install it") as error:
        make_plan(Request(study="data/nowhere", pictures=True))
    assert error.value.exit_code == 3


def test_the_month_before_hands_its_names_on(tmp_path: Path) -> None:
    """The notebook gets the published personas of the month before, and the manifest no path of this computer."""
    grocery = Path(__file__).parents[2] / "data" / "grocery"
    request = Request(study=grocery, month="2017-12", notebooks=["42"], out=tmp_path)
    plan = make_plan(request)
    notebooks = list(plan.notebooks)
    (task,) = tasks_of(plan, "2017-12", tmp_path / "build", notebooks)
    assert "previous" not in task.parameters
    published = tmp_path / "grocery" / "2017-11" / "personas" / "personas.json"
    published.parent.mkdir(parents=True)
    published.write_text("[]", encoding="utf-8")
    (task,) = tasks_of(plan, "2017-12", tmp_path / "build", notebooks)
    assert task.parameters["previous"] == str(published)
    assert task.shown["previous"] == "2017-11/personas/personas.json"
    own = make_plan(dataclasses.replace(request, parameters={"previous": "/somewhere/x.json"}))
    (task,) = tasks_of(own, "2017-12", tmp_path / "build", notebooks)
    assert task.parameters["previous"] == "/somewhere/x.json" and task.shown["previous"] == "x.json"


@pytest.mark.parametrize(("text", "said"), [("{", "cannot be read"), ('{"a": 1}', "cannot be read"), ("[3]", "cannot")])
def test_an_earlier_file_that_is_none_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "personas.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        published_personas(path)
    with pytest.raises(DataError, match="absolute"):
        published_personas("personas.json")
    assert published_personas("") == ()


@pytest.mark.browser
def test_pages_open_without_network_and_axe_finds_nothing(published: Path) -> None:
    with browser() as started:
        for path in sorted((published / "personas").glob("*.html")):
            with page_of(started, path) as page:
                asked = [url for url in page.asked if not url.startswith(("file:", "data:"))]
                assert not asked and not page.said, path.name
                assert axe_faults(page) == [] and lost_links(page) == [], path.name
                for width in (1920, 1280, 640, 360):
                    page.set_viewport_size({"width": width, "height": 900})
                    assert clipped(page) == [], (path.name, width)


@pytest.mark.browser
@pytest.mark.parametrize("n", [3, 9])
def test_each_page_is_one_sheet_of_a4(tmp_path: Path, n: int) -> None:
    """Also with labels of 45 characters; the index too, with as many segments as the rules make."""
    from test_cards import _stretched

    month = persona_month()
    several = [_stretched(p) if n == 3 else p for p in (month.personas * 3)[:n]]
    several = [dataclasses.replace(p, key=f"k{i}") for i, p in enumerate(several)]
    folder = render(tmp_path / "2017-12", month)
    (folder / "personas" / "personas.json").write_text(personas_to_json(several), encoding="utf-8")
    site.render_month(folder, made_up.run_info())
    with browser() as started:
        for path in sorted((folder / "personas").glob("*.html")):
            if path.name.startswith(("index", "k0", "k1")):
                with page_of(started, path, width=360) as page:
                    assert clipped(page) == [], path.name
                    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
                    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1, path.name


@pytest.mark.browser
def test_evidence_numbers_stay_with_their_words(published: Path) -> None:
    """No number of a footnote stands alone on a line, nor breaks in two."""
    alone = """() => [...document.querySelectorAll('sup')].filter(sup => {
      const before = document.createRange(), text = sup.previousSibling;
      if (!text || text.nodeType !== 3 || !text.data.replace(/[\\s\\u2060]/g, '')) return false;
      const end = text.data.replace(/[\\s\\u2060]+$/, '').length;
      before.setStart(text, end - 1); before.setEnd(text, end);
      const a = before.getBoundingClientRect(), b = sup.getBoundingClientRect();
      return sup.getClientRects().length > 1 || Math.abs(a.bottom - b.bottom) > a.height;
    }).map(sup => sup.parentElement.textContent.slice(0, 60))"""
    with browser() as started:
        for name in ("index.html", "index.uk.html", "champions.uk.html"):
            for width in (360, 700, 1280, 1920):
                with page_of(started, published / "personas" / name, width=width) as page:
                    assert page.evaluate(alone) == [], (name, width)


@pytest.mark.browser
def test_pictures_are_drawn_where_asked_for(tmp_path: Path) -> None:
    if not shutil.which("chromium") and not shutil.which("google-chrome"):
        pytest.skip("no chromium on this machine")
    month = persona_month()
    folder = render(tmp_path / "2017-12", dataclasses.replace(month, personas=month.personas[:1]), pictures=True,
                    languages=("uk",))  # fmt: skip
    assert (folder / "personas" / "champions.png").stat().st_size > 10_000
