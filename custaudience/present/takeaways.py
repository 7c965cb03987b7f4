"""Claims as a list of sentences, the way a notebook ends its questions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from custaudience.present.words import render_claim, status_name

if TYPE_CHECKING:
    from custaudience.evidence import Claim

_PLAIN = {"measured", "advice"}


@dataclass(frozen=True)
class Takeaways:
    """Sentences to say, with their status where it is not simply measured."""

    sentences: tuple[str, ...]

    def __repr__(self) -> str:
        return "\n".join(f"- {sentence}" for sentence in self.sentences)

    def _repr_html_(self) -> str:
        items = Markup("").join(Markup("<li>{}</li>").format(sentence) for sentence in self.sentences)
        return Markup("<ul>{}</ul>").format(items)


def takeaways(claims: Iterable[Claim], *, language: str = "en") -> Takeaways:
    """Return claims as sentences in the reader's language, ready to show at the end of a cell."""
    sentences = []
    for claim in claims:
        note = "" if claim.status in _PLAIN else f" ({status_name(claim.status, language)})"
        sentences.append(render_claim(claim, language=language) + note)
    return Takeaways(tuple(sentences))
