"""A card inside a notebook: Markdown, which JupyterLab, the forge and nbconvert show alike, trusted or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from custaudience.present.card_files import card_markdown

if TYPE_CHECKING:
    from custaudience.audience.personas.persona import Persona


@dataclass(frozen=True)
class NotebookCard:
    """A card as a notebook displays it: no script, no style, nothing from elsewhere."""

    markdown: str

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __repr__(self) -> str:
        return self.markdown


def notebook_card(persona: Persona, *, language: str = "en") -> NotebookCard:
    """Return a persona's card to show in a notebook, its headings below those of the notebook.

    Parameters
    ----------
    persona : Persona
    language : str
    """
    return NotebookCard(card_markdown(persona, language=language, level=3))
