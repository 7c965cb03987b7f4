"""What is known about customers beside their orders: which columns may be used, and as what."""

from __future__ import annotations

import datetime as dt
import re
import tomllib
from importlib.resources import files

import numpy as np
import pandas as pd

from custaudience.study.proposing.vocabulary import plain_name

MOST_LEVELS = 50
MIN_LEVEL = 10
OTHER = "other"
CATEGORY_SHARE = "category_share: "
_NEARLY_UNIQUE = 0.9
_NUMBER = re.compile(r"[-+]?(0|[1-9]\d*)([.,]\d+)?")
_PHONE = re.compile(r"\+?[\d\s()\-]{9,}")
_DATES = {r"\d{4}-\d\d-\d\d": "%Y-%m-%d", r"\d\d\.\d\d\.\d{4}": "%d.%m.%Y"}
_UNCLEAR_DATE = re.compile(r"\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4}([ T].*)?")
_WORDS = tomllib.loads(files(__package__).joinpath("personal.toml").read_text(encoding="utf-8"))


def sensitive_topic(name: str) -> str:
    """Return which sensitive topic a column's name is about, "" when none.

    Shares of product categories may be about children: what somebody buys for them describes no minor. What
    they buy for an illness does describe them.

    Examples
    --------
    >>> sensitive_topic("Колір шкіри"), sensitive_topic("Улюблений колір")
    ('skin colour', '')
    """
    share = name.startswith(CATEGORY_SHARE)
    topics = {topic: words for topic, words in _WORDS["sensitive"].items() if not (share and topic == "minors")}
    plain = name.removeprefix(CATEGORY_SHARE)
    return next((topic for topic, entries in topics.items() if is_named(plain, entries)), "")


def is_named(name: str, entries: list[str]) -> bool:
    """Say whether a column's name has all words of one of the entries, those with a star with any ending."""
    tokens = re.findall(r"[\w'’]+", plain_name(name.replace("_", " ")))

    def has(word: str) -> bool:
        return any(t.startswith(word[:-1]) for t in tokens) if word.endswith("*") else word in tokens

    return any(all(map(has, entry.split())) for entry in entries)


def usable_attribute(name: str, values: pd.Series, *, until: dt.date) -> tuple[pd.Series | None, str, str]:
    """Decide whether a column may describe customers, and as what; empty text and blanks count as not known.

    Returns the values: float (numeric, and days from a date to `until`; later dates were not known then), "boolean"
    (yes-no), ordered or plain category, None = left out; the type, "numeric", "category", "ordered", "yes-no" or "";
    and why it is left out, or what was done to it, "" when nothing.
    """
    if topic := sensitive_topic(name):
        return None, "", f"sensitive ({topic}): never used to score or group. If it means something else, rename it."
    if plain_name(name.replace("_", " ")) in _WORDS["identifying"]["names"]:
        return None, "", "tells who somebody is (by its name), not what they are like."
    known = _cleaned(values)
    given = known.dropna()
    if given.empty:
        return None, "", "no value is known."
    if isinstance(given.dtype, pd.CategoricalDtype) and given.cat.ordered:
        return known, "ordered", ""
    if pd.api.types.is_datetime64_any_dtype(given):
        return _days_before(known, until), "numeric", "days since that date."
    text = given.astype("str").str.strip()
    if reason := _identifying(text, given):
        return None, "", reason
    if given.nunique() == 1:
        if len(given) < len(known):
            return None, "", "the same value for all that are known. If an empty cell means no, write it so."
        return None, "", "the same value for all."
    converted, type_, remark = _typed(known, text, until)
    if converted is not None and converted.notna().sum() == 0:
        return None, "", "no value was known by the cut date."
    return converted, type_, remark


def _cleaned(values: pd.Series) -> pd.Series:
    """Return the values with empty text, NaN and infinite numbers as missing."""
    if pd.api.types.is_bool_dtype(values):
        return values.astype("boolean")
    if pd.api.types.is_numeric_dtype(values):
        return values.astype("float64").replace([np.inf, -np.inf], np.nan)
    if isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_datetime64_any_dtype(values):
        return values
    text = values.dropna().map(str).str.strip()
    return text[text != ""].reindex(values.index).astype("str")


def _identifying(text: pd.Series, given: pd.Series) -> str:
    n, distinct = len(text), text.nunique()
    if (text.str.contains("@", regex=False)).mean() > 0.5:
        return "e-mail addresses: they tell who somebody is."
    dates = bool(_all_dates(text))
    if text.str.fullmatch(_PHONE).mean() > 0.5 and distinct > n / 2 and not dates:
        return "telephone or card numbers: they tell who somebody is."
    whole = not pd.api.types.is_float_dtype(given) or bool((given % 1 == 0).all())
    measured = text.str.fullmatch(r"[-+]?\d+[.,]\d+").mean() > 0.5
    if n >= 20 and distinct > _NEARLY_UNIQUE * n and whole and not measured and not dates:
        return f"nearly as many values as customers ({distinct} of {n}): an id, not a trait."
    return ""


def _all_dates(text: pd.Series) -> str:
    """Return the format in which all values are dates, "" when there is none."""
    day = text.str.slice(0, 10)
    return next((form for pattern, form in _DATES.items() if day.str.fullmatch(pattern).all()), "")


def _typed(known: pd.Series, text: pd.Series, until: dt.date) -> tuple[pd.Series | None, str, str]:
    levels = pd.Index(text.str.casefold().unique())
    words = _WORDS["values"]
    if isinstance(known.dtype, pd.BooleanDtype):
        return known, "yes-no", ""
    if len(levels) == 2 and levels.isin(words["yes"]).sum() == 1 and levels.isin(words["no"]).sum() == 1:
        yes = text.str.casefold().isin(words["yes"])
        return yes.reindex(known.index).astype("boolean"), "yes-no", ""
    if pd.api.types.is_float_dtype(known):
        two = set(known.dropna().unique()) == {0.0, 1.0}
        return (known.astype("boolean"), "yes-no", "") if two else (known, "numeric", "")
    if form := _all_dates(text):
        day = pd.to_datetime(text.str.slice(0, 10), format=form, errors="coerce")
        return _days_before(day.reindex(known.index), until), "numeric", "days since that date."
    if text.str.fullmatch(_UNCLEAR_DATE).all():
        return None, "", "dates in a form that can be read in two ways: write them as 2025-01-31."
    plain = text.str.replace(r"(?<=\d)[\s\u00a0\u202f](?=\d{3})", "", regex=True)
    if plain.str.fullmatch(_NUMBER).all():
        comma = plain[plain.str.contains(",")]
        if len(comma) and comma.str.fullmatch(r"[-+]?\d{1,3},\d{3}").all():
            return None, "", "numbers such as 1,234 can be thousands or decimals: write them with a point."
        return plain.str.replace(",", ".").astype("float64").reindex(known.index), "numeric", ""
    order = _order_of(list(text.unique()))
    if order and len(order) <= MOST_LEVELS:
        return pd.Series(pd.Categorical(known, order, ordered=True), index=known.index), "ordered", ""
    grouped, remark = group_levels(known)
    return grouped, "category" if grouped is not None else "", remark


def _days_before(values: pd.Series, until: dt.date) -> pd.Series:
    stamp = pd.to_datetime(values)
    stamp = stamp.dt.tz_localize(None) if stamp.dt.tz is not None else stamp
    days = (pd.Timestamp(until) - stamp.dt.normalize()).dt.days.astype("float64")
    return days.where(days >= 0)


def _order_of(levels: list[str]) -> list[str] | None:
    """Return levels that are ranges of numbers in rising order, None when they are not.

    Examples
    --------
    >>> _order_of(["250K+", "15-24K", "Under 15K"])
    ['Under 15K', '15-24K', '250K+']
    >>> _order_of(["1 adult, kids", "2 adults"]) is None
    True
    """
    words = _WORDS["values"]
    known = {*words["below"], *words["above"], *words["beside"]}
    keys: dict[str, tuple[float, float]] = {}
    for level in levels:
        tokens = re.findall(r"\d+(?:[.,]\d+)?|[^\W\d]+|[<>≤≥+]", level.lower())
        numbers = [float(token.replace(",", ".")) for token in tokens if token[0].isdigit()]
        others = {token for token in tokens if not token[0].isdigit()} - {"+"}
        if not 1 <= len(numbers) <= 2 or not others <= known:
            return None
        lower = len(numbers) == 1 and bool(others & set(words["below"])) and not others & set(words["above"])
        above = len(numbers) == 1 and ("+" in tokens or bool(others & set(words["above"])))
        keys[level] = (-np.inf if lower else numbers[0], np.inf if above else numbers[-1])
    if len(set(keys.values())) < len(levels) or all(low == high for low, high in keys.values()):
        return None  # plain numbers that are no numbers are codes, such as 007
    return sorted(levels, key=lambda level: keys[level])


def group_levels(values: pd.Series) -> tuple[pd.Series | None, str]:
    """Keep the largest levels of a category that has more than 50, and put the others together as "other".

    A level of fewer than 10 customers is not kept. Returns None where more than half of the customers would be "other";
    and what was done, or why it cannot be, "" when nothing was.
    """
    labels, remark = values.astype("str"), ""
    counts = labels.value_counts()
    if len(counts) > MOST_LEVELS:
        kept = counts[counts >= MIN_LEVEL].index[: MOST_LEVELS - 1]
        share = float(counts[kept].sum() / counts.sum())
        if share < 0.5:
            return None, (
                f"{len(counts):,} levels; those of {MIN_LEVEL} customers or more, {MOST_LEVELS - 1} at most, hold "
                f"{share:.0%} of the customers: put them into fewer groups first, as cities into regions."
            )
        labels = labels.where(labels.isin(kept) | labels.isna(), OTHER)
        remark = f"{len(counts):,} levels: the {len(kept)} largest kept ({share:.0%} of customers), others {OTHER!r}."
    return pd.Series(pd.Categorical(labels, sorted(labels.dropna().unique())), index=values.index), remark
