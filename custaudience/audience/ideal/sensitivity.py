"""What would change if a cut-off stood a bit lower or higher, or a part were not asked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from custaudience.audience.ideal.facts import CutOffs, Facts, is_ideal, judge, share_of_total

_COLUMNS = [*("cut_off", "direction", "value", "n_customers", "share_of_revenue", "n_kept", "share_kept", "overlap")]


def move_cut_offs(facts: Facts, cut: CutOffs, chosen: np.ndarray, *, refused: bool = False) -> pd.DataFrame:
    """Count who would be ideal with each cut-off moved, the others as set.

    Parameters
    ----------
    facts : Facts
    cut : CutOffs
        As set.
    chosen : array of bool
        Who is ideal as set.
    refused : bool
        Nobody can be called ideal: there is nothing to move, and the table is empty.

    Returns
    -------
    DataFrame
        As `IdealCustomers.sensitivity`. One order more or less; a third of the span; a quarter of the top; half and
        twice as many gaps outlasted; one answer; one response; each part left out.
    """
    if refused:
        return pd.DataFrame(columns=_COLUMNS)
    revenue = facts.table["revenue_total"].to_numpy()
    rows = [_row("all", "as set", math.nan, chosen, chosen, revenue)]
    for name, direction, value in _moves(facts, cut):
        parts, broken = judge(facts, replace(cut, **{name: value}))
        if not broken:
            rows.append(_row(name, direction, value, is_ideal(parts).to_numpy(dtype=bool), chosen, revenue))
    parts, _ = judge(facts, cut)
    for part in parts.columns:
        without = is_ideal(parts, without=str(part)).to_numpy(dtype=bool)
        rows.append(_row(str(part), "left out", math.nan, without, chosen, revenue))
    return pd.DataFrame(rows, columns=_COLUMNS)


def _moves(facts: Facts, cut: CutOffs) -> Iterator[tuple[str, str, Any]]:
    if cut.min_orders > 1:
        yield "min_orders", "lower", cut.min_orders - 1
    yield "min_orders", "higher", cut.min_orders + 1
    third = max(1, round(cut.min_span_days / 3))
    if cut.min_span_days >= third:
        yield "min_span_days", "lower", cut.min_span_days - third
    yield "min_span_days", "higher", cut.min_span_days + third
    quarter = cut.top_share / 4
    yield "top_share", "lower", round(cut.top_share - quarter, 6)
    if cut.top_share < 1:
        yield "top_share", "higher", round(min(1.0, cut.top_share + quarter), 6)
    beyond = 1 - cut.overdue_share
    if beyond < 0.5:
        yield "overdue_share", "lower", round(1 - 2 * beyond, 6)
    yield "overdue_share", "higher", round(1 - beyond / 2, 6)
    if cut.satisfied_from is not None and facts.satisfaction is not None:
        yield "satisfied_from", "lower", cut.satisfied_from - 1
        if cut.satisfied_from < facts.satisfaction.best:
            yield "satisfied_from", "higher", cut.satisfied_from + 1
    if facts.has_responses:
        if cut.min_responses > 1:
            yield "min_responses", "lower", cut.min_responses - 1
        yield "min_responses", "higher", cut.min_responses + 1


def _row(
    name: str, direction: str, value: float, moved: np.ndarray, chosen: np.ndarray, revenue: np.ndarray
) -> tuple[Any, ...]:
    kept, either = int((moved & chosen).sum()), int((moved | chosen).sum())
    share = share_of_total(revenue, moved, 0.95)[0]
    return (
        name, direction, float(value), int(moved.sum()), share, kept,
        kept / chosen.sum() if chosen.any() else math.nan, kept / either if either else math.nan,
    )  # fmt: skip
