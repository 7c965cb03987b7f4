"""Who the ideal customers are: loyal and valuable, satisfied and engaged where anything says so; and what they did."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from narwhals.typing import IntoFrame

from custaudience.audience.ideal.facts import PARTS, CutOffs, Facts, MissingPart, gather_facts, judge, least_revenue
from custaudience.errors import HistoryError, ParameterError
from custaudience.evidence import Estimate, Terms, suppress_small
from custaudience.telling import sheet

MADE_FROM: Mapping[str, str] = {
    **dict.fromkeys(("n_orders", "tenure", "n_categories"), "loyal"),
    **dict.fromkeys(("revenue_total", "revenue_per_order", "lines_per_order"), "valuable"),
    **dict.fromkeys(("days_since_last_order", "usual_gap_days"), "current"),
}  # what "ideal" is made of, or follows from it: more orders reach more categories, larger baskets bring more
_MOVED = [*("cut_off", "direction", "value", "n_customers", "share_of_revenue", "n_kept", "share_kept", "overlap")]


@dataclass(frozen=True)
class IdealCustomers:
    """The ideal customers of a date, and what makes them so.

    Attributes
    ----------
    table : DataFrame, one row per customer with an order that counts, sorted by ``customer_id``
        **Private.** ``customer_id``, ``n_orders``, ``span_days`` (first order to last), ``revenue_total``,
        ``days_since_last_order``, ``overdue_after_days``, where known ``score``, ``n_contacted``, ``n_responded``;
        a "boolean" per part that can be told (NA = not known of this customer); ``ideal``.
    parts : DataFrame, one row per part
        ``part``, ``n_yes``, ``n_no``, ``n_unknown``, ``n_left`` (customers for whom this part and those above it are
        not known to fail).
    missing_parts : tuple of MissingPart
        What the study cannot tell, with the reason. One that is essential leaves nobody ideal.
    cut_offs : CutOffs
        As they were used: with the column of the survey and the answer it took.
    least_revenue, satisfaction_best : float
        What the last of the valuable brought, and the upper end of the survey's scale; NaN where there is none.
    sensitivity : DataFrame
        ``cut_off``, ``direction`` ("as set", "lower", "higher", "left out"), ``value``, ``n_customers``,
        ``share_of_revenue``, ``n_kept`` (of the ideal as set, who stay), ``share_kept``, ``overlap`` (in both / in
        either). Each cut-off a step lower and higher, see `_moves`; each part left out.
    n_confirmed : int
        Ideal customers of whom every part that can be told is known.
    revenue, share : float, Estimate
        Net revenue of the ideal; their share of it, and how far that depends on who happened to be a customer.
    """

    table: pd.DataFrame
    parts: pd.DataFrame
    missing_parts: tuple[MissingPart, ...]
    cut_offs: CutOffs
    least_revenue: float
    satisfaction_best: float
    sensitivity: pd.DataFrame
    n_confirmed: int
    revenue: float
    share: Estimate
    as_of: dt.date

    @property
    def n_customers(self) -> int:
        """Customers with an order that counts."""
        return len(self.table)

    @property
    def n_ideal(self) -> int:
        """The ideal ones among them."""
        return int(self.table["ideal"].sum())

    @property
    def refused(self) -> tuple[MissingPart, ...]:
        """Reasons why nobody can be called ideal; empty when somebody could be."""
        return tuple(part for part in self.missing_parts if part.essential)

    @property
    def is_ideal(self) -> pd.Series:
        """Whether a customer is ideal, by ``customer_id``. Private."""
        return self.table.set_index("customer_id")["ideal"]

    @property
    def asked(self) -> tuple[str, ...]:
        """The parts that could be told."""
        return tuple(part for part in PARTS if part in self.table)

    @property
    def made_from(self) -> dict[str, str]:
        """Columns of the customer features that ideal is made of, with the part: see `distinctive_traits`."""
        return {**MADE_FROM, **({"discounted_share": "engaged"} if "engaged" in self.asked else {})}


def ideal_customers(
    orders: IntoFrame, terms: Terms, cut_offs: CutOffs | None = None, known: Mapping[str, Any] | None = None
) -> IdealCustomers:
    """Name the customers who are loyal, valuable and in their rhythm, and satisfied and engaged as far as is known.

    Parameters
    ----------
    orders : any frame Narwhals reads, one row per order
        As `orders_of` gives them; read once.
    cut_offs : CutOffs, optional
    known : mapping of name to any frame Narwhals reads, or None
        ``survey`` (``customer_id`` and a column with scores; where a customer answered twice, ``answered_at``: the
        last answer counts), ``contacts`` and ``responses`` (``customer_id``, ``campaign_id``), ``campaigns``
        (``campaign_id``, ``starts_on``, ``ends_on``).

    Returns
    -------
    IdealCustomers
        Nobody is ideal while an essential part cannot be told: too short a history, too few customers for a top,
        all alike, nobody seen on two days. ``refused`` says why.

    Raises
    ------
    EmptyTableError
        If nobody has an order that counts.
    ColumnError, DataError
        If a table lacks a column, or a customer answered twice and nothing says when.

    Notes
    -----
    A customer who was not asked, or was sent nothing, is neither satisfied nor dissatisfied, neither engaged nor not:
    such a part is not known of them and does not exclude them.

    Examples
    --------
    >>> days = pd.to_datetime(["2025-01-02", "2025-03-03", "2025-05-02"])
    >>> orders = pd.concat([
    ...     pd.DataFrame({"customer_id": who, "ordered_on": days, "revenue_minor": each, "refund_minor": 0,
    ...                   "is_order": True}) for who, each in zip("abcde", (9000, 500, 600, 700, 800))])
    >>> found = ideal_customers(orders, Terms(dt.date(2025, 6, 1)))
    >>> found.table.loc[found.table["ideal"], "customer_id"].tolist(), round(found.share.value, 2)
    (['a'], 0.78)
    """
    if not 0 < terms.level < 1:
        raise ParameterError(f"level = {terms.level}: expected a fraction between 0 and 1.")
    facts = gather_facts(orders, terms, cut_offs or CutOffs(), known or {})
    cut, revenue = facts.cut_offs, facts.table["revenue_total"]
    parts, refused = judge(facts, cut)
    ideal = _all_hold(parts) & (not refused)
    chosen, least = ideal.to_numpy(), least_revenue(revenue, cut.top_share)
    after = facts.rhythm(cut.overdue_share)["overdue_after_days"]
    table = facts.table.assign(overdue_after_days=after).join(parts).assign(ideal=ideal)
    optional = parts[parts.columns.intersection(["satisfied", "engaged"])]
    return IdealCustomers(
        table.rename_axis("customer_id").reset_index(), _counts(parts), (*refused, *facts.missing), cut,
        math.nan if isinstance(least, MissingPart) else least, facts.best,
        pd.DataFrame(columns=_MOVED) if refused else _move_cut_offs(facts, chosen),
        n_confirmed=int((ideal & optional.notna().all(axis=1)).sum()),
        revenue=float(np.round(revenue.to_numpy()[chosen].sum(), terms.minor_digits)),
        share=share_of_total(revenue.to_numpy(), chosen, terms.level), as_of=terms.as_of,
    )  # fmt: skip


def _all_hold(parts: pd.DataFrame, *, without: str = "") -> pd.Series:
    """Return whether no part is known not to hold; essential parts are known of everybody."""
    return parts.drop(columns=[without], errors="ignore").fillna(True).astype(bool).all(axis=1)


def _counts(parts: pd.DataFrame) -> pd.DataFrame:
    """Count for each part who has it, who has not, of whom it is not known, and who is left after it."""
    left = [int(_all_hold(parts.iloc[:, : i + 1]).sum()) for i in range(parts.shape[1])]
    counts = {"n_yes": parts.sum(), "n_no": (~parts).sum(), "n_unknown": parts.isna().sum()}
    return pd.DataFrame(counts).astype("int64").assign(n_left=left).rename_axis("part").reset_index()


def share_of_total(values: np.ndarray, chosen: np.ndarray, level: float) -> Estimate:
    """Return the share of a sum that some bring, with the interval of a ratio of two sums over customers.

    On the logit scale (delta method); NaN where a sum is not positive or one side is everything.
    """
    from scipy.special import expit, logit, ndtri

    n, total = len(values), math.fsum(values)
    if total <= 0:
        return Estimate(math.nan, math.nan, math.nan, level, n)
    share = math.fsum(values[chosen]) / total
    if not 0 < share < 1 or n < 2:
        return Estimate(share, math.nan, math.nan, level, n)
    spread = math.sqrt(n / (n - 1) * math.fsum((values * (chosen - share)) ** 2)) / total
    half = -float(ndtri((1 - level) / 2)) * spread / (share * (1 - share))
    return Estimate(share, float(expit(logit(share) - half)), float(expit(logit(share) + half)), level, n)


def _move_cut_offs(facts: Facts, chosen: np.ndarray) -> pd.DataFrame:
    """Count who would be ideal with each cut-off moved alone, or a part left out, beside those `chosen` as set."""
    cut, revenue = facts.cut_offs, facts.table["revenue_total"].to_numpy()
    rows: list[tuple[Any, ...]] = []

    def add(name: str, direction: str, value: float, moved: np.ndarray) -> None:
        kept, either = int((moved & chosen).sum()), int((moved | chosen).sum())
        share = share_of_total(revenue, moved, 0.95).value
        stay = kept / chosen.sum() if chosen.any() else math.nan
        alike = kept / either if either else math.nan
        rows.append((name, direction, float(value), int(moved.sum()), share, kept, stay, alike))

    add("all", "as set", math.nan, chosen)
    for name, direction, value in _moves(facts):
        parts, broken = judge(facts, replace(cut, **{name: value}))
        if not broken:
            add(name, direction, value, _all_hold(parts).to_numpy())
    as_set, _ = judge(facts, cut)
    for part in map(str, as_set.columns):
        add(part, "left out", math.nan, _all_hold(as_set, without=part).to_numpy())
    return pd.DataFrame(rows, columns=_MOVED)


def _moves(facts: Facts) -> Iterator[tuple[str, str, Any]]:
    """Yield each cut-off a step lower and a step higher, as far as there is room."""
    cut, lowest, best = facts.cut_offs, facts.cut_offs.satisfied_from, facts.best
    third, quarter, beyond = max(1, round(cut.min_span_days / 3)), cut.top_share / 4, 1 - cut.overdue_share
    span, top = cut.min_span_days, cut.top_share
    moves: list[tuple[str, Any, Any]] = [
        ("min_orders", cut.min_orders - 1 or None, cut.min_orders + 1),
        ("min_span_days", span - third if span >= third else None, span + third),
        ("top_share", round(top - quarter, 6), round(min(1.0, top + quarter), 6) if top < 1 else None),
        ("overdue_share", round(1 - 2 * beyond, 6) if beyond < 0.5 else None, round(1 - beyond / 2, 6)),
    ]
    if lowest is not None and "score" in facts.table:
        moves.append(("satisfied_from", lowest - 1, lowest + 1 if lowest < best else None))
    if "n_responded" in facts.table:
        moves.append(("min_responses", cut.min_responses - 1 or None, cut.min_responses + 1))
    for name, lower, higher in moves:
        yield from ((name, way, to) for way, to in (("lower", lower), ("higher", higher)) if to is not None)


def part_table(ideal: IdealCustomers, least: int) -> pd.DataFrame:
    """Return who has each part and who is left: ``part``, ``name``, ``n_yes``, ``n_no``, ``n_unknown``, ``n_left``."""
    counts = ideal.parts.drop(columns="part").astype("Int64")
    table = ideal.parts[["part"]].join(counts.mask((counts >= 1) & (counts < least)))
    table.insert(1, "name", table["part"].map(sheet(__package__)["phrases"]["part"]).astype("str"))
    return table


def value_table(ideal: IdealCustomers, least: int) -> pd.DataFrame:
    """Return the "ideal" and the "rest" (``group``): how many, what they bring, per customer and per order."""
    rows, revenue = [], ideal.table["revenue_total"].to_numpy()
    for group, inside in (("ideal", ideal.table["ideal"]), ("rest", ~ideal.table["ideal"])):
        part, n, brought = ideal.table[inside], int(inside.sum()), math.fsum(revenue[inside])
        share = share_of_total(revenue, inside.to_numpy(), ideal.share.level).value
        each = (brought / n, part["n_orders"].mean()) if n else (math.nan, math.nan)
        rows.append((group, n, n / len(ideal.table), brought, share, *each))
    columns = ["group", "n_customers", "share_of_customers", "revenue", "share_of_revenue"]
    table = pd.DataFrame(rows, columns=[*columns, "revenue_per_customer", "orders_per_customer"])
    return suppress_small(table, n="n_customers", min_group_size=least, keep=["group"])


def cut_off_table(ideal: IdealCustomers, least: int) -> pd.DataFrame:
    """Return what other cut-offs would give; see `IdealCustomers.sensitivity`, with ``name`` after ``cut_off``."""
    table = ideal.sensitivity.copy()
    phrases = sheet(__package__)["phrases"]
    names = {**phrases["cut_off"], **phrases["part"], "all": "All"}
    table.insert(1, "name", table["cut_off"].map(names).astype("str"))
    kept = ["cut_off", "name", "direction", "value"]
    return suppress_small(table, n="n_customers", min_group_size=least, keep=kept, counts=["n_kept"])


@dataclass(frozen=True)
class IdealLater:
    """What the `n` who were ideal on an `earlier` day did since: the one figure that the choice itself does not make.

    `n_still` of them are by the same cut-offs; `n_others` is everybody else of that day. ``share_until`` is of the
    revenue until then; ``share_since`` of what the customers of that day brought since.
    """

    earlier: dt.date
    n: int
    n_still: int
    n_others: int
    share_until: float
    share_since: Estimate


def follow_ideal(earlier: IdealCustomers, later: IdealCustomers) -> IdealLater:
    """Compare two dates of a study; newcomers since are in no figure."""
    if not earlier.as_of < later.as_of:
        raise HistoryError(f"follow_ideal: {earlier.as_of} is not before {later.as_of}.")
    if not earlier.n_ideal:
        raise HistoryError(f"follow_ideal: nobody was ideal on {earlier.as_of}, so nobody can be followed.")
    before = earlier.table.set_index("customer_id")
    # an order refunded in full later counts no more: then the customer is in `before` only
    after = later.table.set_index("customer_id").reindex(before.index)
    ideal = before["ideal"].to_numpy(dtype=bool)
    since = (after["revenue_total"].fillna(0.0) - before["revenue_total"]).to_numpy()
    still = int((ideal & after["ideal"].eq(True).to_numpy()).sum())
    share = share_of_total(since, ideal, later.share.level)
    return IdealLater(earlier.as_of, int(ideal.sum()), still, int((~ideal).sum()), earlier.share.value, share)
