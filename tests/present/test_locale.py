import ast
from pathlib import Path

import pytest

from custaudience.present import locale
from custaudience.present.locale import __main__ as messages
from custaudience.present.words import terms

PACKAGE = Path(locale.__file__).parents[2]


@pytest.mark.parametrize("language", locale.languages()[1:])
def test_the_catalogue_is_whole(language):
    """No message without a translation, none fuzzy, placeholders agree."""
    assert messages.faults(language) == []


@pytest.mark.parametrize("language", locale.languages()[1:])
def test_the_catalogue_has_nothing_that_the_code_has_not(language):
    left_over = {entry.id for entry in messages.catalogue(language) if entry.id} - set(messages.messages())
    assert not left_over, f"run python -m custaudience.present.locale {language}"


def test_messages_come_from_code_templates_and_rules():
    places = {place for found in messages.messages().values() for place in found}
    for expected in ("present/plots_bars.py", "templates/index.html.j2", "segments.toml"):
        assert any(place.endswith(expected) for place in places), expected


def test_every_statistic_named_in_the_package_has_plain_words():
    named = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "statistic" and isinstance(node.value, ast.Constant):
                named.add(node.value.value)
    assert named <= set(terms())


@pytest.mark.parametrize(
    ("message", "translation", "fault"),
    [("{n:count} rows", "{m:count} рядків", "stand only in one of"),
     ("{n:percent}", "{n:percent1}", "stand only in one of"),
     ("in {m:month_in}", "{m:month}", ""),
     ("{n:count} {n:plural a|b}", "{n:count} {n:plural а|б}", "needs the forms one|few|many"),
     ("{n:count} {n:plural a|b}", "{n:count} {n:plural а|б|в} {n:plural г|ґ|д}", ""),
     ("{n:count} a", "{n:count} {k:plural а|б|в}", "value 'k' is not in")]
)  # fmt: skip
def test_placeholders_are_compared(message, translation, fault):
    found = "; ".join(messages._disagreements(message, translation, "uk"))
    assert fault in found if fault else not found


def test_renewing_keeps_translations_and_checking_tells_what_lacks(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(locale, "FOLDER", tmp_path)
    monkeypatch.setattr(messages, "messages", lambda: {"Revenue": ["a.py"]})
    assert messages.main(["de"]) == 0
    assert messages.main(["check", "de"]) == 1
    assert "a.py: no translation of 'Revenue'" in capsys.readouterr().out
    path = locale.catalogue_path("de")
    path.write_text(path.read_text(encoding="utf-8").replace('"Revenue"\nmsgstr ""', '"Revenue"\nmsgstr "Umsatz"'))
    monkeypatch.setattr(messages, "messages", lambda: {"Orders": ["b.py"], "Revenue": ["a.py"]})
    messages.main(["de"])
    assert "Umsatz" in path.read_text(encoding="utf-8")
    assert "1 without a translation" in capsys.readouterr().out
