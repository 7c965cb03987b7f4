"""A persona card as text, as data, and as a picture."""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custaudience.errors import CustaudienceError, MissingEngineError
from custaudience.evidence import template as _
from custaudience.present.card_evidence import STATUS_SHOWN, clean, evidence_line, sentence
from custaudience.present.cards import HEADINGS, in_block
from custaudience.present.figures import in_language
from custaudience.present.style import template_text
from custaudience.present.words import Say

if TYPE_CHECKING:
    from custaudience.audience.personas.persona import Persona
    from custaudience.evidence import Claim

SCHEMA = "custaudience persona card 1"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
_MOST_PIXELS = 9_000
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~!])")


def card_data(persona: Persona, *, language: str = "en") -> dict[str, Any]:
    """Return a card as plain data, fit for JSON; `card_schema` describes it."""
    say = Say(language)
    return {
        "schema": SCHEMA, "language": language, "key": persona.key, "segment": clean(persona.segment, most=80),
        "title": clean(in_language(persona.title, language), most=80),
        "name": clean(in_language(persona.name, language), most=60), "system": persona.system,
        "study": clean(persona.study, most=80), "currency": persona.currency, "as_of": persona.as_of.isoformat(),
        "n": persona.n, "blocks_filled": list(persona.filled),
        "slots": {slot: [_claim_data(c, say) for c in claims] for slot, claims in persona.slots.items() if claims},
    }  # fmt: skip


def card_schema() -> str:
    """Return the JSON schema of `card_data`."""
    return template_text("card.schema.json")


def _claim_data(claim: Claim, say: Say) -> dict[str, Any]:
    return {
        "id": claim.id, "text": sentence(claim, say).unescape(), "kind": claim.kind, "status": claim.status,
        "statistic": claim.statistic, "value": _plain(claim.value), "unit": claim.unit, "low": _plain(claim.low),
        "high": _plain(claim.high), "level": _plain(claim.level), "n": claim.n,
        "evidence": evidence_line(claim, say, whole=True).unescape(), "rests_on": list(claim.rests_on),
    }  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it; what is no number is none."""
    if value is None or isinstance(value, str):
        return value
    number = float(value)
    whole = number.is_integer() and not isinstance(value, float)
    return int(number) if whole else number if math.isfinite(number) else None


def card_markdown(persona: Persona, *, language: str = "en", level: int = 1) -> str:
    """Return a card as Markdown: every line with its status where that is not plain measurement, and its evidence.

    Its first heading has the `level` given; the others are one below.
    """
    say = Say(language)
    slots, numbered = persona.slots, list[Any]()

    def line(claim: Claim, *, note: bool = True) -> str:
        text = escape_markdown(sentence(claim, say).unescape())
        status = claim.status if claim.status in (*STATUS_SHOWN, "typed", "advice") else ""
        if note and claim.kind != "imagined" and claim.statistic != "not_measured":
            numbered.append(claim)
            text += f" [{len(numbered)}]"
        return f"{text} ({say.status(status)})" if status and claim.statistic != "not_measured" else text

    heading = " ".join(line(claim) for claim in slots.get("name", ()))
    top, below = "#" * level, "#" * (level + 1)
    parts = [f"{top} {heading}", *(f"> {line(claim)}" for claim in slots.get("story", ()))]
    parts += [f"**{line(claim)}**" for claim in slots.get("size", ())]
    parts.append("\n".join(f"- {line(claim)}" for claim in slots.get("facts", ())))
    for slot, title in HEADINGS.items():
        if claims := in_block(slot, slots):
            parts += [f"{below} {say(title)}", "\n".join(f"- {line(claim)}" for claim in claims)]
    day = say(_("Figures as of {day:date}"), day=persona.as_of)
    parts.append("\n".join(f"- {text}" for text in (day, *(line(claim) for claim in slots.get("notes", ())))))
    if numbered:
        lines = (escape_markdown(evidence_line(claim, say, whole=True).unescape()) for claim in numbered)
        evidence = "\n".join(f"{i}. {text}" for i, text in enumerate(lines, 1))
        parts += [f"{below} {say('Evidence')}", evidence]
    return "\n\n".join(part for part in parts if part) + "\n"


def escape_markdown(text: str) -> str:
    r"""Return a text that Markdown shows as it is.

    Examples
    --------
    >>> escape_markdown("<script> *x*")
    '\\<script\\> \\*x\\*'
    """
    return re.sub(r"^(\s*)([-+=>]|\d+[.)])", r"\1\\\2", _SPECIAL.sub(r"\\\1", text))


def card_png(html: str, path: str | os.PathLike[str], *, width: int = 900, browser: str | None = None) -> Path:
    """Write a card or a sheet (HTML) as a PNG of so many pixels in width, by an installed Chromium without network."""
    program = browser or installed_browser()
    target = Path(path).absolute()
    with tempfile.TemporaryDirectory() as folder:
        page, shot = Path(folder) / "card.html", Path(folder) / "card.png"
        page.write_text(html, encoding="utf-8")
        command = [
            program, "--headless=new", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            "--disable-background-networking", "--disable-extensions", f"--user-data-dir={folder}/profile",
            f"--window-size={width},{_MOST_PIXELS}", f"--screenshot={shot}", page.as_uri(),
        ]  # fmt: skip
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # Chromium refuses its sandbox to the superuser
        try:
            done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CustaudienceError(f"{program} could not draw the picture: {error}") from error
        if not shot.exists():
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or ["nothing was said"]
            raise CustaudienceError(f"{program} could not draw the picture: {said[0][:200]}")
        _trim(shot, target)
    return target


def installed_browser() -> str:
    """Return the Chromium that draws pictures."""
    program = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        raise MissingEngineError(
            "no Chromium found to draw the picture. Install it (Debian: apt-get install chromium), or open the HTML "
            "file in a browser and print it."
        )
    return program


def _trim(shot: Path, target: Path) -> None:
    """Cut the empty paper below the page off."""
    import numpy as np
    from matplotlib.image import imread, imsave

    picture = np.asarray(imread(shot))
    used = np.flatnonzero((picture != picture[-1:, :1]).any(axis=(1, 2)))
    end = min(len(picture), (int(used[-1]) if len(used) else 0) + 25)
    imsave(target, np.ascontiguousarray(picture[:end]))


class NotebookCard(str):
    """A card as a notebook displays it: no script, no style, nothing from elsewhere."""

    __repr__ = _repr_markdown_ = str.__str__


def notebook_card(persona: Persona, *, language: str = "en") -> NotebookCard:
    """Return a persona's card to show in a notebook, its headings below those of the notebook."""
    return NotebookCard(card_markdown(persona, language=language, level=3))
