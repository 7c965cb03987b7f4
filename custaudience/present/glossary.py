"""The words of the field as a table, one line each."""

from __future__ import annotations

import pandas as pd

from custaudience.present.tables import Table, table
from custaudience.present.words import term, terms


def glossary(*, language: str = "en") -> Table:
    """Return every term with its line from ``locale/terms.toml``, in alphabetical order."""
    entries = sorted((term(key, language) for key in terms()), key=lambda entry: entry.name.casefold())
    frame = pd.DataFrame([(e.name, e.glossary, e.does_not_mean) for e in entries])
    frame.columns = ["word", "what it is", "what it does not mean"]
    return table(frame)
