"""Named segments: rules as data, proved complete and disjoint; who is where, and who moved."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import chain, product
from typing import Any

import numpy as np
import pandas as pd

from custaudience.customers.rfm.scores import DIMENSIONS, RfmScores
from custaudience.errors import ConfigError, near_miss

LEVELS = ("low", "mid", "high")
Cell = tuple[str, str, str]


@dataclass(frozen=True)
class Segment:
    """A named segment: key, plain words in English, and its cells of (r, f, m) levels."""

    key: str
    name: str
    meaning: str
    action: str
    blocks: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = ()

    def cells(self) -> Iterator[Cell]:
        """Yield the cells of all blocks."""
        for r, f, m in self.blocks:
            yield from product(r, f, m)


@dataclass(frozen=True)
class SegmentRules:
    """Segments in the order they are shown, proved complete and disjoint; `no_order` is for the unscored."""

    segments: tuple[Segment, ...]
    no_order: Segment

    def __post_init__(self) -> None:
        keys = [s.key for s in (*self.segments, self.no_order)]
        if len(set(keys)) != len(keys):
            raise ConfigError(f"segment rules: the same key twice among {', '.join(keys)}")
        owner: dict[Cell, str] = {}
        for segment in self.segments:
            for cell in segment.cells():
                if cell in owner:
                    both = f"{owner[cell]!r} and {segment.key!r}. Take it out of one of them."
                    raise ConfigError(f"segment rules: the cell {_cell(cell)} belongs to both {both}")
                owner[cell] = segment.key
        for cell in product(LEVELS, LEVELS, LEVELS):
            if cell not in owner:
                raise ConfigError(f"segment rules: the cell {_cell(cell)} belongs to no segment. Add it to one.")

    def by_cell(self) -> dict[Cell, str]:
        """Return the segment's key for each of the 27 cells."""
        return {cell: segment.key for segment in self.segments for cell in segment.cells()}

    def frame(self) -> pd.DataFrame:
        """Return a row per block: ``segment`` and the levels ``r``, ``f``, ``m`` ("mid, high", "any")."""
        rows = [
            (s.key, *("any" if set(part) == set(LEVELS) else ", ".join(part) for part in block))
            for s in self.segments
            for block in s.blocks
        ]
        return pd.DataFrame(rows, columns=["segment", *DIMENSIONS])


def load_segment_rules(text: str | None = None) -> SegmentRules:
    """Read and prove segment rules from TOML text; without text, the rules shipped as ``segments.toml``."""
    if text is None:
        text = resources.files("custaudience.customers.rfm").joinpath("segments.toml").read_text(encoding="utf-8")
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"segment rules: not valid TOML: {error}") from error
    _check(raw, {"segment", "no_order"}, "segment rules")
    segments = tuple(_segment(row, {"cells"}) for row in raw.get("segment", []))
    if "no_order" not in raw:
        raise ConfigError("segment rules: a [no_order] table is missing; it names customers without an order")
    return SegmentRules(segments, _segment(raw["no_order"], set()))


def segment_names() -> dict[str, str]:
    """Return the name by which each shipped segment is told, by its key."""
    rules = load_segment_rules()
    return {segment.key: segment.name for segment in (*rules.segments, rules.no_order)}


def _segment(row: Mapping[str, Any], extra: set[str]) -> Segment:
    where = f"segment rules, {row.get('key', 'segment without a key')}"
    words = {"key", "name", "meaning", "action"}
    _check(row, words | extra, where)
    if missing := (words | extra) - set(row):
        raise ConfigError(f"{where}: {', '.join(sorted(missing))} missing")
    blocks = []
    for cell in row.get("cells", []):
        _check(cell, set(DIMENSIONS), where)
        for level in chain(*cell.values()):
            if level not in LEVELS:
                near = near_miss(str(level), LEVELS)
                raise ConfigError(f"{where}: level {level!r}; levels are low, mid, high.{near}")
        r, f, m = (tuple(cell.get(d, LEVELS)) for d in DIMENSIONS)
        blocks.append((r, f, m))
    return Segment(row["key"], row["name"], row["meaning"], row["action"], tuple(blocks))


def _check(given: Iterable[str], allowed: set[str], where: str) -> None:
    for key in given:
        if key not in allowed:
            known = ", ".join(sorted(allowed))
            raise ConfigError(f"{where}: {key!r} is unknown; known are {known}.{near_miss(key, allowed)}")


def _cell(cell: Cell) -> str:
    return ", ".join(f"{name} = {level}" for name, level in zip(DIMENSIONS, cell, strict=True))


def level_of(score: int, n_scores: int) -> str:
    """Return ``low``, ``mid`` or ``high``: the third in which the middle of the score's band lies.

    Examples
    --------
    >>> [level_of(score, 5) for score in range(1, 6)]
    ['low', 'low', 'mid', 'high', 'high']
    >>> [level_of(score, 2) for score in (1, 2)], level_of(1, 1)
    (['low', 'high'], 'mid')
    """
    middle = 3 * (2 * score - 1)  # in sixths of the number of scores
    return "low" if middle < 2 * n_scores else "high" if middle > 4 * n_scores else "mid"


def assign_segments(scores: RfmScores, rules: SegmentRules | None = None) -> pd.DataFrame:
    """Name each customer's segment by the levels of its scores, after the shipped rules unless others are given.

    Returns
    -------
    DataFrame
        ``scores.table`` with ``r_level``, ``f_level``, ``m_level`` (missing without an order) and
        ``segment``: exactly one key per customer, ``no_order`` for those without an order that counts.
    """
    rules = rules or load_segment_rules()
    table = scores.table.copy()
    for name in DIMENSIONS:
        levels = {score: level_of(score, scores.scores[name]) for score in range(1, scores.scores[name] + 1)}
        table[f"{name}_level"] = table[f"{name}_score"].map(levels).astype("str")
    by_cell = {"-".join(cell): key for cell, key in rules.by_cell().items()}
    cell = table["r_level"] + "-" + table["f_level"] + "-" + table["m_level"]
    table["segment"] = cell.map(by_cell).fillna(rules.no_order.key).astype("str")
    return table


def summarise_segments(
    assigned: pd.DataFrame, *, before: pd.DataFrame | None = None, overdue: pd.DataFrame | None = None,
    rules: SegmentRules | None = None, minor_digits: int = 2,
) -> pd.DataFrame:  # fmt: skip
    """Count each segment: customers, revenue, typical customer, and who joined or left.

    Parameters
    ----------
    assigned, before : DataFrame
        From `assign_segments`, at the date and at an earlier one, after the same `rules`.
    overdue : DataFrame, optional
        From `overdue_customers` at the same date.

    Returns
    -------
    DataFrame, one row per segment in the order of the rules
        ``segment``, ``n_customers``, ``share_of_customers``, ``revenue_total``, ``share_of_revenue`` (NaN
        when the total is not positive), ``revenue_per_customer``, ``median_days_since_last_order``,
        ``median_n_orders`` (NaN = nobody), and as Int64, NA without the frame they need: ``n_overdue``,
        ``n_before``, ``joined`` (in it now and not before, new customers included), ``left`` (in it before
        and not now). ``n_customers = n_before + joined - left``. ``no_order`` only when somebody is or was
        in it.
    """
    rules = rules or load_segment_rules()
    keys = pd.Index([s.key for s in (*rules.segments, rules.no_order)], name="segment", dtype="str")
    now = assigned.assign(minor=minor_units(assigned["revenue_total"], minor_digits)).groupby("segment")
    minor = now["minor"].sum().reindex(keys, fill_value=0)
    out = pd.DataFrame({"n_customers": now.size().reindex(keys, fill_value=0).astype("Int64")}, index=keys)
    out["share_of_customers"] = (out["n_customers"] / len(assigned)).astype("float64")
    out["revenue_total"] = minor / 10**minor_digits
    out["share_of_revenue"] = minor / minor.sum() if minor.sum() > 0 else np.nan
    someone = out["n_customers"].where(out["n_customers"] > 0).astype("float64")
    out["revenue_per_customer"] = out["revenue_total"] / someone
    for column in ("days_since_last_order", "n_orders"):
        out[f"median_{column}"] = now[column].median().astype("float64").reindex(keys)
    moves = ["n_before", "joined", "left"]
    out = out.join(pd.DataFrame(pd.NA, keys, ["n_overdue", *moves], dtype="Int64"))
    if overdue is not None:
        late = overdue.loc[overdue["overdue"].fillna(False).astype(bool), "customer_id"]
        out["n_overdue"] = _count(assigned.loc[assigned["customer_id"].isin(late), "segment"], keys)
    if before is not None:
        a, b = (frame.set_index("customer_id")["segment"] for frame in (before, assigned))
        joined, left = b[b != a.reindex(b.index)], a[a != b.reindex(a.index)]
        for name, part in zip(moves, (a, joined, left), strict=True):
            out[name] = _count(part, keys)
    empty = (out["n_customers"] == 0) & ~(out["n_before"] > 0).fillna(False)
    return out[~(empty & (out.index == rules.no_order.key))].reset_index()


def minor_units(money: pd.Series, minor_digits: int) -> pd.Series:
    """Return money in whole minor units, which sum exactly."""
    return (money * 10**minor_digits).round().astype("int64")


def _count(segments: pd.Series, keys: pd.Index) -> pd.Series:
    return segments.value_counts().reindex(keys, fill_value=0).astype("Int64")
