"""The message catalogues: which languages there are, and their translations.

Catalogues are kept as text (``<language>/LC_MESSAGES/custaudience.po``) and compiled in memory on first
use, so that a clone, a wheel and an editable install read the same file and no compiled file can go stale.
`python -m custaudience.present.locale` keeps them in step with the code.
"""

from __future__ import annotations

import gettext
import io
from functools import lru_cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

FOLDER = Path(__file__).parent
SOURCE_LANGUAGE = "en"


def catalogue_path(language: str) -> Path:
    """Return where the catalogue of a language is kept."""
    return FOLDER / language / "LC_MESSAGES" / "custaudience.po"


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """Return the languages that reports can be written in, English first."""
    found = sorted(path.parent.parent.name for path in FOLDER.glob("*/LC_MESSAGES/custaudience.po"))
    return (SOURCE_LANGUAGE, *found)


@lru_cache(maxsize=8)
def translations(language: str) -> gettext.NullTranslations:
    """Return the compiled catalogue of a language; English is its own catalogue."""
    if language == SOURCE_LANGUAGE:
        return gettext.NullTranslations()
    with catalogue_path(language).open("rb") as handle:
        catalogue = read_po(handle, locale=language, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)  # leaves fuzzy entries out: a guess is not a translation
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)
