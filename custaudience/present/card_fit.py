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


def print_scale(card: dict[str, Any]) -> float:
    """Return the factor for all sizes of a card's print: 1 where it fits as it is."""
    scale = _LARGEST
    while scale > _SMALLEST and _height(card, scale) > _PAGE_HEIGHT - 12:
        scale -= 0.02
    return round(scale, 2)


def _height(card: dict[str, Any], scale: float) -> float:
    """Estimate the height of a printed card."""
    blocks = [_block(block, scale) for block in card["blocks"]]
    rows = sum(max(blocks[i : i + 2]) + 10 for i in range(0, len(blocks), 2))
    notes = " · ".join([*_texts(card["notes"]), card["as_of"], *_texts(card["imagined"])])
    caveats = " ".join([card["study"], *_texts(card["caveats"])])
    height = _head(card, scale) + rows
    height += _text(notes, 11.5, _PAGE, scale) + 10 + (_text(caveats, 11.5, _PAGE, scale) + 5 if caveats.strip() else 0)
    if card["entries"]:
        lines = [_text(f"{e['text']} {e['rests_on']}", 10.5, _COLUMN - 22, scale) + 1.5 for e in card["entries"]]
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
