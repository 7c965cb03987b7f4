"""Notebook 42 on other studies and dates: personas or the reason why not, names that are kept, nobody named."""

import json
import re
from pathlib import Path

import pytest

from custaudience.audience import personas_from_json
from tests.notebooks.running import ROOT, made_up, run, tables_of

NOTEBOOK = "42_personas.ipynb"


def assert_no_small_persona(out: Path) -> None:
    for persona in personas_from_json((out / "personas/personas.json").read_text(encoding="utf-8")):
        assert persona.n is None or persona.n >= 10


def test_orders_alone_give_personas_that_say_what_is_not_known(tmp_path: Path) -> None:
    """CDNOW has dates and amounts only: personas of rules, no block filled, and the questions that would."""
    texts, claims, out = run(NOTEBOOK, tmp_path, study=str(ROOT / "data" / "cdnow"))
    assert claims["personas.blanks"]["values"] | {"filled": 0, "all": 5} == claims["personas.blanks"]["values"]
    blocks = tables_of(out)["persona_blocks"]
    assert blocks["why"].eq("not measured").all() and blocks["questions"].str.len().gt(20).all()
    assert claims["personas.price_blank.champions"]["status"] == "too_few"
    assert any("fewer than 10" in text for text in texts)  # Loyal and Cannot lose are too small to be shown
    assert claims["personas.size.loyal"]["n"] is None
    shares = tables_of(out)["personas"]
    assert float(shares["share_of_customers"].sum()) <= 1
    assert_no_small_persona(out)


def test_too_early_a_date_is_refused_in_words(tmp_path: Path) -> None:
    texts, claims, out = run(NOTEBOOK, tmp_path, study=str(ROOT / "data" / "b2b"), as_of="2022-11-22")
    assert claims["personas.finding"]["status"] == "too_few" and claims["personas.finding"]["n"] is None
    assert any("No persona can be made" in text for text in texts)
    assert not tables_of(out)
    assert any("Live in cities" in text for text in texts)  # the worked examples need no customers
    assert_no_small_persona(out)


@pytest.mark.slow
def test_hostile_names_and_names_that_are_kept(tmp_path: Path) -> None:
    """Groups that were found keep the names that were published a month ago, whatever these were."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    study = str(made_up(tmp_path / "study"))
    _texts, claims, out = run(NOTEBOOK, first, study=study, as_of="2025-05-31")
    assert claims["personas.changes"]["values"]["kept"] == 3
    assert_no_small_persona(out)
    published = out / "personas" / "personas.json"
    personas = json.loads(published.read_text(encoding="utf-8"))
    for i, persona in enumerate(personas):
        persona["name_number"] = 20 + i
    published.write_text(json.dumps(personas), encoding="utf-8")
    later = run(NOTEBOOK, second, study=study, as_of="2025-06-30", previous=str(published))
    found = personas_from_json((later[2] / "personas/personas.json").read_text(encoding="utf-8"))
    then = {p["segment"]: p["name_number"] for p in personas}
    changes = tables_of(later[2])["persona_changes"]
    for row in changes[changes["state"].isin(["kept", "changed"])].itertuples():
        assert next(p for p in found if p.segment == row.segment).name_number == then[row.segment_before]
    assert changes["overlap"].ge(0.5).all()
    cells = json.loads((first / "out.ipynb").read_text(encoding="utf-8"))["cells"]
    shown = "".join(
        "".join(o.get("data", {}).get(kind, "")) for kind in ("text/html", "text/markdown")
        for c in cells for o in c.get("outputs", [])
    )  # fmt: skip
    assert "script" in shown and not re.search(r"(?<!\\)<script", shown)
