"""What all personas of a study are measured from: one matrix, each segment against all others, what it buys."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from itertools import islice
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd
from scipy import sparse, stats

from custaudience.audience.personas.persona import FACTS, System
from custaudience.audience.personas.words import block_of, plain_text
from custaudience.customers.features.attributes import CATEGORY_SHARE, sensitive_topic, usable_attribute
from custaudience.customers.features.features import CustomerFeatures
from custaudience.customers.response.response import collected
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.customers.segments.clusters import CustomerSegments
from custaudience.customers.segments.rules import describe_segments
from custaudience.errors import ColumnError, DataError, EmptyTableError, near_miss
from custaudience.evidence import Terms
from custaudience.stats.contrast import judge
from custaudience.stats.intervals import false_discovery_rates

ENOUGH = 30  # customers on each side below which a difference is too few to say
PRICE = ("discounted_share", "first_order_discounted")
BEHAVIOUR = ("usual_gap_days", "lines_per_order", "n_categories", "weekend_share", "evening_share", "refund_share")
RFM = ("days_since_last_order", "n_orders", "revenue_total")  # what RFM segments are made from
_TECHNICAL = ("customer_id", "_file", "_row")
_COLUMNS = [
    *("segment", "category", "n", "n_buyers", "share", "share_others", "ratio", "low", "high", "p_adjusted", "status")
]


@dataclass(frozen=True)
class PersonaSources:
    """What personas are measured from.

    Parameters
    ----------
    features : CustomerFeatures
        At the date of the segments.
    labels : Series per ``customer_id``, or CustomerSegments
        The segment of each customer: RFM segments or groups that were found. Customers without one are left out.
    category_sales : DataFrame, optional
        As `category_sales` gives them. Without it the card says nothing of categories.
    demographics, answers : any frame Narwhals reads, optional
        One row per customer, ``customer_id`` and columns; those that `features` has not. A column goes to the block
        that its name tells (personas.toml); sensitive and identifying ones are left out.
    contacts, responses : any frame Narwhals reads, optional
        ``customer_id``, ``campaign_id``: who was written to, who responded. Rows with a day (``starts_on``,
        ``sent_at``, ``responded_on``) after the date do not exist.
    made_from : collection of str, optional
        Features the segments were made from: that they differ is no finding, and the card says so. Known by
        themselves of RFM segments and of CustomerSegments.
    orders_from : int
        Orders from which a customer has a segment here; more than 1 is said beside the shares.
    """

    features: CustomerFeatures
    labels: pd.Series | CustomerSegments
    category_sales: pd.DataFrame | None = None
    demographics: Any = None
    answers: Any = None
    contacts: Any = None
    responses: Any = None
    made_from: Collection[str] | None = None
    orders_from: int = 1


@dataclass(frozen=True)
class Part:
    """One segment: its rows of the matrix, those of all others, its rows of the comparison, and what it buys."""

    segment: str
    own: pd.DataFrame
    others: pd.DataFrame
    rows: pd.DataFrame
    ratios: pd.DataFrame

    def effects(self) -> list[tuple[str, float]]:
        """Return feature and effect of its clear differences, the largest first."""
        if self.rows.empty:
            return []
        clear = self.rows[self.rows["status"] == "measured"]
        clear = clear.assign(size=clear["effect"].abs()).sort_values(["size", "feature"], ascending=[False, True])
        return list(zip(clear["feature"].astype("str"), clear["effect"].astype("float64"), strict=True))


@dataclass(frozen=True)
class Ground:
    """What all personas of a study are measured from; `slots`: the slot of a card that each column belongs to."""

    matrix: pd.DataFrame
    slots: dict[str, str]
    labels: pd.Series
    order: list[str]
    rows: pd.DataFrame
    ratios: pd.DataFrame
    names: dict[str, str]
    system: System
    made_from: set[str]

    def part(self, segment: str) -> Part:
        """Return one segment's share of it."""
        inside = self.labels == segment
        rows, ratios = (table[table["segment"] == segment] for table in (self.rows, self.ratios))
        return Part(segment, self.matrix[inside], self.matrix[~inside], rows, ratios)


def ground_of(sources: PersonaSources, terms: Terms) -> Ground:
    """Bring the frames of a study together, and compare every segment with all others."""
    matrix, kinds = persona_matrix(sources)
    order, who = segment_labels(sources.labels)
    who = who[who.index.isin(matrix.index)]
    if who.empty:
        raise EmptyTableError("personas: no customer of the matrix has a segment. Do the ids agree?")
    matrix, order = matrix.loc[who.index], [name for name in order if (who == name).any()]
    names = _rule_names()
    system: System = "rules" if set(order) <= set(names) else "found"
    known = sources.made_from
    made_from = set(known if known is not None else RFM if system == "rules" else ())
    if isinstance(sources.labels, CustomerSegments):
        made_from |= set(sources.labels.preparation.features)
    slots = {str(column): _slot_of(str(column), kinds) for column in matrix}
    rows, ratios = (pd.DataFrame({"segment": pd.Series(dtype="str")}) for _ in range(2))
    if len(order) > 1:
        used = [column for column, slot in slots.items() if slot or column == "tenure"]
        rows = _typical_rows(matrix[used], who, terms, made_from)
        if sources.category_sales is not None:
            ratios = category_ratios(sources.category_sales, who, terms)
    return Ground(matrix, slots, who, order, rows, ratios, names if system == "rules" else {}, system, made_from)


def _rule_names() -> dict[str, str]:
    """Return the names of the RFM segments by key, in the order of the rules."""
    rules = load_segment_rules()
    return {s.key: s.name for s in (*rules.segments, rules.no_order)}


def segment_labels(labels: pd.Series | CustomerSegments) -> tuple[list[str], pd.Series]:
    """Return the segments in their order (of the rules, of the groups' names, else by size), and each customer's."""
    given = labels.segments if isinstance(labels, CustomerSegments) else labels
    if given.index.has_duplicates:
        n = int(given.index.duplicated().sum())
        raise DataError(f"personas: {n} customers have two labels. Give each one segment.")
    who = given.dropna().astype("str")
    who.index = who.index.astype("str")
    known, sizes = list(_rule_names()), who.value_counts()
    if set(sizes.index) <= set(known):
        return [key for key in known if key in sizes.index], who
    if isinstance(given.dtype, pd.CategoricalDtype):
        return [str(c) for c in given.cat.categories if str(c) in sizes.index], who
    return sorted(sizes.index, key=lambda name: (-sizes[name], name)), who


def persona_matrix(sources: PersonaSources) -> tuple[pd.DataFrame, dict[str, str]]:
    """Put everything known of customers beside each other: a row per ``customer_id``, and each column's kind."""
    features = sources.features
    matrix = features.table.set_index("customer_id")
    matrix.index = matrix.index.astype("str")
    kinds = dict(zip(features.dictionary["column"], features.dictionary["kind"], strict=True))
    for name, given in (("demographics", sources.demographics), ("answers", sources.answers)):
        if given is None:
            continue
        table = as_frame(given, name, "customer_id")
        table = table.set_index(table["customer_id"].astype("str"))
        if n := int(table.index.duplicated().sum()):
            raise DataError(f"{name}: {n} rows repeat a customer_id. Keep one row per customer.")
        for column in table.columns.difference([*_TECHNICAL, *matrix.columns], sort=False):
            values, _type, _remark = usable_attribute(str(column), table[column], until=features.until)
            if values is not None:
                matrix[str(column)] = values.reindex(matrix.index)
                kinds[str(column)] = "attribute"
    if sources.contacts is not None and sources.responses is not None:
        pairs = sent_campaigns(sources.contacts, sources.responses, features.until)
        answered = pairs.groupby("customer_id")["responded"].any()
        matrix["responded"] = answered.reindex(matrix.index).astype("boolean")
        kinds["responded"] = "attribute"
    return matrix, kinds


def as_frame(frame: Any, name: str, *columns: str) -> pd.DataFrame:
    """Return a frame as pandas, which has these columns."""
    if not isinstance(frame, pd.DataFrame):
        frame = nw.from_native(frame).lazy().collect(backend="pyarrow").to_native().to_pandas()
    for column in columns:
        if column not in frame:
            raise ColumnError(f"{name}: column {column!r} not found.{near_miss(column, frame.columns)}")
    table: pd.DataFrame = frame
    return table


def sent_campaigns(contacts: Any, responses: Any, as_of: dt.date) -> pd.DataFrame:
    """Return the campaigns each customer was sent until a day, and whether it ``responded`` to them by then."""
    pairs, key, days = [], ["customer_id", "campaign_id"], ("starts_on", "sent_at", "responded_on")
    for name, frame in (("contacts", contacts), ("responses", responses)):
        table = collected(frame, name, *key, dates=days)
        until = ~(table[[*days]] > pd.Timestamp(as_of)).any(axis=1)
        pairs.append(table.loc[until, key].dropna().drop_duplicates())
    sent = pairs[0].merge(pairs[1], on=key, how="left", indicator="responded")
    return sent.assign(responded=sent["responded"] == "both")


def _slot_of(feature: str, kinds: dict[str, str]) -> str:
    """Return the slot a feature's sentences stand in, "" when in none."""
    of_figures = {"facts": FACTS, "price": PRICE, "behaviour": BEHAVIOUR, "sources": ("responded",)}
    slot = next((slot for slot, features in of_figures.items() if feature in features), "")
    return slot or (block_of(feature) if kinds.get(feature, "attribute") == "attribute" else "")


def _typical_rows(matrix: pd.DataFrame, who: pd.Series, terms: Terms, made_from: Collection[str]) -> pd.DataFrame:
    """Return each segment against all others, figures of behaviour by means where half have none at all.

    Who orders often has ever ordered at a weekend; a mean over customers does not grow with the number of orders. False
    discovery rates are drawn over the whole table, without what the segments were made from.
    """
    figures = [c for c in (*FACTS, *PRICE, *BEHAVIOUR) if c in matrix]
    means = [c for c in figures if ((known := matrix[c].dropna()) == known.min()).mean() >= 0.5]
    profiles = describe_segments(matrix, who, by_mean=means, terms=terms)
    table = profiles.table.astype({"segment": "str"})
    by_mean = table["feature"].isin(means) & (table["statistic"] == "mean")
    few = by_mean & (table[["n", "n_others"]].min(axis=1) < ENOUGH)
    table.loc[few, ["effect", "p_value"]] = np.nan
    table.loc[table["feature"].isin(list(made_from)), "p_value"] = np.nan
    return judge(table, terms.level, by_interval=True)


def category_ratios(
    sales: pd.DataFrame, labels: pd.Series, terms: Terms, *, most: int = 120, include_sensitive: bool = False
) -> pd.DataFrame:
    """Compare what each segment spends its money on with what all other customers spend theirs on.

    Of `category_sales` the `most` categories with most sales are compared; pairs with fewer than ``terms.least`` buyers
    in the segment, or among the others, have no row. A share of spending is a ratio of two sums over customers, with
    the variance of the linearised ratio (Cochran 1977, section 6.3); the interval is made on the logarithm of the ratio
    of the two shares.
    """
    sales = as_frame(sales, "category sales", "customer_id", "category", "sales_minor")
    who = labels.dropna().astype("str")
    ids = sales["customer_id"].astype("str")
    placed = ids.isin(who.index).to_numpy()
    row, customers = pd.factorize(ids[placed])
    category = sales.loc[placed, "category"].fillna("").astype("str")
    amount = sales.loc[placed, "sales_minor"].to_numpy("float64")
    names = _largest(category, amount, most, include_sensitive=include_sensitive)
    segment, found = pd.factorize(who.reindex(customers), sort=True)
    if len(found) < 2 or not names:
        return pd.DataFrame(columns=_COLUMNS)
    column = pd.Index(names).get_indexer(pd.Index(category))
    kept, shape = column >= 0, (len(customers), len(names))
    spent = sparse.coo_array((amount[kept], (row[kept], column[kept])), shape=shape).tocsr()  # same pairs are added up
    mine = _sums(spent, np.bincount(row, amount, len(customers)), segment)
    others = {name: value.sum(axis=0) - value for name, value in mine.items()}
    (share, error), (base, base_error) = _shares(mine), _shares(others)
    least = max(terms.least, 2)
    shown = (mine["buyers"] >= least) & (others["buyers"] >= least) & (share > 0) & (base > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, spread = share / base, np.sqrt((error / share) ** 2 + (base_error / base) ** 2)
        p_value = np.nan_to_num(2 * stats.norm.sf(np.abs(np.log(ratio)) / spread), nan=1.0)
        reach = np.exp(stats.norm.ppf((1 + terms.level) / 2) * spread)
    at, of = np.nonzero(shown)
    table = pd.DataFrame(
        {
            "segment": np.array(found)[at], "category": np.array(names)[of], "n": mine["n"][at, 0].astype(int),
            "n_buyers": mine["buyers"][shown].astype(int), "share": share[shown], "share_others": base[shown],
            "ratio": ratio[shown], "low": (ratio / reach)[shown], "high": (ratio * reach)[shown],
            "p_adjusted": false_discovery_rates(p_value[shown]),
        }
    )  # fmt: skip
    clear = (table["p_adjusted"] < 1 - terms.level) & ((table["low"] > 1) | (table["high"] < 1))
    few = np.minimum(mine["buyers"], others["buyers"])[shown] < ENOUGH
    table["status"] = np.where(few, "too_few", np.where(clear, "measured", "no_clear_difference"))
    table = table.astype({"segment": "str", "category": "str"})
    by = ["segment", "ratio", "category"]
    return table.sort_values(by, ascending=[True, False, True], kind="stable", ignore_index=True)


def _largest(category: pd.Series, amount: np.ndarray, most: int, *, include_sensitive: bool) -> list[str]:
    """Return the categories with most sales, the largest first."""
    sums = pd.Series(amount, index=category.to_numpy()).groupby(level=0).sum()
    named = (name for name in sorted(sums[sums > 0].index, key=lambda name: (-sums[name], name)) if name)
    allowed = (n for n in named if include_sensitive or not sensitive_topic(f"{CATEGORY_SHARE}{plain_text(n)}"))
    return list(islice(allowed, most))


def _sums(spent: sparse.csr_array, total: np.ndarray, segment: np.ndarray) -> dict[str, np.ndarray]:
    """Return per segment (and category) what a linearised ratio needs: counts, sums, squares and products."""
    n = len(segment)
    of = sparse.coo_array((np.ones(n), (segment, np.arange(n))), shape=(segment.max() + 1, n)).tocsr()
    return {
        "n": of @ np.ones((n, 1)), "total": of @ total[:, None], "totals": of @ total[:, None] ** 2,
        "buyers": (of @ (spent > 0).astype("float64")).toarray(), "sum": (of @ spent).toarray(),
        "square": (of @ spent.multiply(spent)).toarray(),
        "product": (of @ spent.multiply(total[:, None]).tocsr()).toarray(),
    }  # fmt: skip


def _shares(sums: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return each category's share of spending and its standard error; 0 of one customer, or without spending."""
    usable = (sums["n"] >= 2) & (sums["total"] > 0)
    total, n = np.where(usable, sums["total"], 1.0), np.maximum(sums["n"], 2)
    share = np.where(usable, sums["sum"] / total, 0.0)
    left = sums["square"] - 2 * share * sums["product"] + share**2 * sums["totals"]
    return share, np.where(usable, np.sqrt(np.maximum(left, 0) * n / (n - 1)) / total, 0.0)
