"""How small a card's type must be so that it stays on one A4 page: estimated, since a card has no script."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

# Sizes of card.css for print at scale 1, in pixels; widths of the widest fallback font (DejaVu Sans).
_PAGE_HEIGHT, _PAGE, _COLUMN = 1047.0, 718.0, 346.0
_CHARACTER = 0.555
_LARGEST, _SMALLEST = 1.06, 0.62
# Cards of the shipped studies came out 14 to 20 % lower than the sum of their parts; a part of that is kept in reserve.
_OBSERVED = 0.93
_SHEET_HEIGHT, _SHEET = 718.0, 1047.0
_SHEET_LARGEST, _SHEET_SMALLEST = 1.3, 0.56


def print_scale(card: dict[str, Any]) -> float:
    """Return the factor for all sizes of a card's print: 1 where it fits as it is."""
    scale = _LARGEST
    while scale > _SMALLEST and _height(card, scale) > _PAGE_HEIGHT - 12:
        scale -= 0.02
    return round(scale, 2)


def sheet_scale(sheet: dict[str, Any]) -> float:
    """Return the factor for all sizes of the comparison sheet's print, so that it stays on one A4 page, landscape."""
    scale = _SHEET_LARGEST
    while scale > _SHEET_SMALLEST and _sheet_height(sheet, scale) > _SHEET_HEIGHT - 10:
        scale -= 0.02
    return round(scale, 2)


def _sheet_height(sheet: dict[str, Any], scale: float) -> float:
    """Estimate the height of the printed sheet."""
    facts = 58.0 if sheet["roomy"] else 46.0 if sheet["heads"] else 0.0
    lines = _SHEET * (0.26 if sheet["heads"] else 0.66)
    height = 30 + _text(f"{sheet['study']} {sheet['as_of']}", 11, _SHEET * 0.5, scale)
    height += sum(_text(f"{line['text']}.", 11, _SHEET, scale) for line in sheet["notes"])
    height += sum(_text(line["text"], 12, _SHEET, scale) + 3 for line in sheet["said"])
    height += 34 if sheet["heads"] else 8
    for row in sheet["rows"]:
        who = sum(_text(f"{x['text']}", 13.5, _SHEET * 0.19, scale) for x in row["card"]["heading"])
        who += sum(_text(f"{x['text']}··", 10.5, _SHEET * 0.19, scale) for x in row["size"])
        said = [*(x["short"] or x["text"] for x in row["lines"]), *(f"{x['text']} {x['word']} " for x in row["advice"])]
        told = sum(_text(f"{text}··", 11, lines - 24, scale) + 2 for text in said)
        height += max(who, 52.0, told, facts) + 11
    parts = [
        f"{g['title']} {g['base']} " + " ".join(f"{e['number']} {e['letter']} {e['text']}" for e in g["entries"])
        for g in sheet["groups"]
    ]
    height += 24 + sum(_text(f"{letter} {text}; ", 9.8, _SHEET, scale) for letter, text in sheet["methods"]) * 0.6
    height += sum(_text(part, 9.8, _SHEET / 2 - 14, scale) + 3 for part in parts) / 2 + 14
    runs_wide = any("\u0400" <= letter <= "\u04ff" for letter in sheet["as_of"])  # Latin letters are narrower
    return height * scale * (1.0 if runs_wide else 0.94) + 20


def _height(card: dict[str, Any], scale: float) -> float:
    """Estimate the height of a printed card."""
    blocks = [_block(block, scale) for block in card["blocks"]]
    rows = sum(max(blocks[i : i + 2]) + 10 for i in range(0, len(blocks), 2))
    notes = " · ".join([*_texts(card["notes"]), card["as_of"], *_texts(card["imagined"])])
    caveats = " ".join([card["study"], *_texts(card["caveats"])])
    height = _head(card, scale) + rows
    height += _text(notes, 11.5, _PAGE, scale) + 10 + (_text(caveats, 11.5, _PAGE, scale) + 5 if caveats.strip() else 0)
    if card["entries"]:
        lines = [_text(f"{e['text']} {e['rests_on']}", 10.5, _COLUMN - 30, scale) + 1.5 for e in card["entries"]]
        height += 26 + sum(lines) / 2 + 14
    return _OBSERVED * height * scale + 24


def _head(card: dict[str, Any], scale: float) -> float:
    beside = _PAGE - 124 * scale
    text = sum(_text(line["text"], 13.5, beside, scale) for line in card["size"])
    text += sum(_text(f"{line['text']} {line['pill']}", 24, beside, scale) for line in card["heading"]) + 8
    text += sum(_text(f"{line['text']} {line['pill']}", 14.5, beside - 20, scale) for line in card["story"])
    if not card["facts"]:
        return max(100.0, text) + 12
    width = (_PAGE - 16 * len(card["facts"])) / len(card["facts"])
    facts = max(
        32 + _text(f["label"], 11.5, width, scale) + _text(f["others"], 11.5, width, scale) + (20 if f["pill"] else 0)
        for f in card["facts"]
    )
    return max(100.0, text) + 44 + facts


def _block(block: dict[str, Any], scale: float) -> float:
    height = _text(f"{block['heading']} {block['pill']}", 14, _COLUMN, scale) + 4
    height += sum(_text(f"{line['head']} {line['rest']}", 11.5, _COLUMN - 22, scale) + 17 for line in block["blank"])
    height += sum(_text(bar["name"], 12.5, _COLUMN - 184, scale) + 2 for bar in block["bars"])
    height += 34 if block["bars"] else 0
    height += sum(_text(f"{x['text']} {x['pill']} ··", 12.5, _COLUMN - 14, scale) + 2 for x in block["lines"])
    if block["same"]:
        same = "; ".join([block["same_word"], *(f"{line['text']}··" for line in block["same"])])
        height += _text(same, 12, _COLUMN - 14, scale) + 4
    return height + sum(_text(line["text"], 11.5, _COLUMN, scale) + 4 for line in block["known"])


def _text(text: str, size: float, width: float, scale: float) -> float:
    """Return the height of a text at scale 1 when its line is broken at `scale`; a tenth of each line stays empty."""
    per_line = max(4.0, 0.94 * width / (size * scale * _CHARACTER))
    return math.ceil(max(1, len(text)) / per_line) * size * 1.4


def _texts(lines: Iterable[dict[str, Any]]) -> Sequence[str]:
    return [str(line["text"]) for line in lines]
