"""The error types: one family that users may see, each message saying what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CustaudienceError(ValueError):
    """Base of all errors meant for the user; the command line shows its text and exits with 2."""


class ConfigError(CustaudienceError):
    """study.toml is missing, cannot be read, or says something that cannot be."""


class DataError(CustaudienceError):
    """A table cannot be read, or too much of it had to be set aside."""


class ColumnError(DataError):
    """A column that a table must have is not there."""


class EmptyTableError(CustaudienceError):
    """Nothing is left to analyse, for example no order on or before ``as_of``."""


class HistoryError(CustaudienceError):
    """The history cannot carry what is asked, for example first orders that lie before the data."""


class ParameterError(CustaudienceError):
    """A notebook's parameter is unknown, mistyped or out of bounds."""


class PrivacyError(CustaudienceError):
    """Something that identifies a person, or a group that is too small, was about to be published."""


class MissingEngineError(CustaudienceError):
    """A picture or a PDF is asked for, and no program is installed that makes it."""

    exit_code = 3


def near_miss(name: str, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the closest known name, or an empty string.

    Examples
    --------
    >>> near_miss("ammount", ["amount", "date"])
    " Did you mean 'amount'?"
    >>> near_miss("zzz", ["amount"])
    ''
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{close[0]}'?" if close else ""
