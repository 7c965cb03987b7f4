"""Who agreed to be written to: the words of the column ``consent`` of customers, understood or refused."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from custaudience.errors import DataError

YES = frozenset(
    "yes y true 1 on + agreed agree granted given subscribed opted-in opt-in opt_in opted_in "
    "так т + є згоден згодна погоджено погоджуюсь погоджуюся підписаний підписана надано "
    "да д согласен согласна согласие подписан подписана дано "
    "có vâng".split()
) | {"opted in", "opt in", "đồng ý", "đã đồng ý"}
"""Words that mean yes, in English, Ukrainian, Russian and Vietnamese; small letters."""

NO = frozenset(
    "no n false 0 off - – \u2212 none never declined refused revoked withdrawn unsubscribed cleaned pending "
    "opted-out opt-out opt_out opted_out not_subscribed "
    "ні н немає нема відмова відмовлено відкликано відписаний відписана "
    "нет отказ отказано отозвано отписан отписана "
    "không chưa".split()
) | {"opted out", "opt out", "not subscribed", "не згоден", "не згодна", "не надано", "не согласен", "не согласна",
     "không đồng ý", "từ chối", "hủy đăng ký"}  # fmt: skip
"""Words that mean no."""

_SHOWN = 5


def read_consent(values: pd.Series, *, yes: Sequence[str] = ()) -> pd.Series:
    """Return who agreed to be written to, by the words in the column ``consent``: text, or true and false.

    Missing and empty mean no: nobody agreed by saying nothing. With `yes` (upper and lower case alike, ``*`` for any
    text) every other word means no; without it the words of `YES` and `NO` count, and a word of neither is a
    `DataError`: it is not guessed.

    Examples
    --------
    >>> read_consent(pd.Series(["Так", "ні", None, " YES "])).tolist()
    [True, False, False, True]
    >>> read_consent(pd.Series(["weekly", "never"]), yes=["weekly", "monthly"]).tolist()
    [True, False]
    """
    given = values.dropna().astype("str")
    words = given.map(_plain).where(lambda word: word != "").dropna()
    known = {word: _meaning(word, yes) for word in words.unique()}
    unknown = [word for word, agreed in known.items() if agreed is None]
    if unknown:
        counts = given[words.index[words.isin(unknown)]].str.strip().value_counts()
        shown = ", ".join(f"{word[:40]!r} ({n:,})" for word, n in counts.head(_SHOWN).items())
        more = f" and {len(counts) - _SHOWN:,} others" if len(counts) > _SHOWN else ""
        raise DataError(
            f"customers: the column consent holds words that are neither yes nor no: {shown}{more}. Say under "
            f'[tables.customers] which mean yes, for example consent_yes = ["yes"] (every other is then no; "*" means '
            "any filled cell)."
        )
    agreed = pd.Series(np.zeros(len(values), dtype="bool"), index=values.index)
    agreed.loc[words.index] = words.map(known).astype("bool")
    return agreed


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u00a0", " ")).strip().casefold()


def _meaning(word: str, yes: Sequence[str]) -> bool | None:
    if yes:
        return any(fnmatch.fnmatchcase(word, re.sub(r"[\[?]", "[\\g<0>]", _plain(pattern))) for pattern in yes)
    return True if word in YES else False if word in NO else None
