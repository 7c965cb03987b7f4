"""What is bought together, with intervals that know who bought it; from pairs to an offer."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from narwhals.typing import IntoFrame
from scipy import sparse

from custaudience.customers.affinity.baskets import coded_baskets, count_one_item
from custaudience.customers.ground import lines_until
from custaudience.errors import DataError, EmptyTableError, near_miss
from custaudience.evidence import Terms
from custaudience.stats.intervals import false_discovery_rates

MIN_CONFIDENCE = 0.5  # at least this share of the baskets with a thing hold what is offered with it
_CHUNK = 1000  # pairs worked on at a time: keeps memory level
_BLOCKS = 4  # of items: half of the products of pairs are never made
COLUMNS = [
    *("item_a", "item_b", "n_baskets", "n_customers", "support", "confidence_a_to_b", "confidence_b_to_a", "lift"),
    *("lift_low", "lift_high", "leverage", "conviction_a_to_b", "conviction_b_to_a", "p_baskets", "p_value"),
    *("q_value", "verdict"),
]


@dataclass(frozen=True)
class ProductPairs:
    """Pairs that stand in enough baskets, and what they rest on.

    Attributes
    ----------
    table : DataFrame
        A row per pair, ``item_a`` before ``item_b`` by name, by falling ``leverage``: ``n_baskets``, ``n_customers``
        (with both in one basket); ``support`` (share of all baskets); ``confidence_a_to_b`` (of baskets with a, the
        share that holds b too), ``confidence_b_to_a``; ``lift`` (times as often as if the two were unrelated; 1 =
        unrelated), ``lift_low``, ``lift_high``; ``leverage`` (share of baskets above the unrelated share);
        ``conviction_a_to_b``, ``conviction_b_to_a`` (infinite at a confidence of 1); ``p_baskets`` (chi-squared, or
        Fisher's exact test where fewer than 5 are expected: as if every basket were another customer's); ``p_value``
        and ``q_value`` (by customers; Benjamini-Hochberg over `n_tested`); ``verdict``: "more often", "less often",
        "no clear difference", "too few". Intervals and p-values are NaN for "too few".
    n_baskets, n_customers, n_one_item, n_items : int
        Baskets and their customers; baskets that hold one item, where no pair can be; different items bought.
    n_frequent, n_tested : int
        Items that alone reach the count a pair needs, and pairs of them: the family of the false-discovery control.
    min_baskets : int
        Baskets a pair needed to be listed.
    """

    table: pd.DataFrame
    n_baskets: int
    n_customers: int
    n_one_item: int
    n_items: int
    n_frequent: int
    n_tested: int
    min_baskets: int
    level: str
    as_of: dt.date


def product_pairs(
    transactions: IntoFrame, terms: Terms, *, level: str = "product_id", min_support: float = 0.001, min_count: int = 10
) -> ProductPairs:
    """Find pairs of items that stand in one basket more or less often than their popularity explains.

    Parameters
    ----------
    transactions : any frame Narwhals reads, one row per order line
        As `Study.table` gives them, with the column `level`; of a shorter time, its lines only.
    terms : Terms
        With fewer customers than its ``least`` who bought both, there is no interval.
    level : str
        Column that names what is bought: ``product_id``, or a category joined to the lines. Lines without a
        value belong to their basket but are no item.
    min_support, min_count : float, int
        A pair is listed when it stands in at least this share and at least so many of all baskets.

    Raises
    ------
    EmptyTableError
        If nothing was bought in that time.
    ColumnError
        If a column is missing.

    Notes
    -----
    Support, confidence and lift after Agrawal, Imielinski and Swami (1993) and Brin et al. (1997); leverage
    after Piatetsky-Shapiro (1991). A basket is a customer's order; an item is in it once, however many pieces.
    Refunds (negative lines) are not bought, and what a refund of the same order takes back in full is not
    either. Pruned by support, then one sparse product.

    The interval is that of log(lift) by the delta method over customers: baskets of one customer are alike and
    count as one cluster, so that a pair which a single loyal customer buys every week is no finding. A high
    confidence alone says little: a bag in every basket has a confidence of 1 and a lift of 1. What is bought
    together is not what an offer would add.

    Examples
    --------
    >>> lines = pd.DataFrame({"customer_id": ["1", "1", "2", "3"], "order_id": ["1", "1", "2", "3"],
    ...     "product_id": ["tea", "cup", "tea", "pan"], "revenue_minor": 100,
    ...     "ordered_at": pd.Timestamp("2025-01-01")})
    >>> pairs = product_pairs(lines, Terms(dt.date(2025, 1, 31)), min_count=1)
    >>> row = pairs.table.iloc[0]
    >>> row["item_a"], row["item_b"], float(row["confidence_a_to_b"]), float(row["lift"])
    ('cup', 'tea', 1.0, 1.5)
    """
    if not 0 <= min_support <= 1:
        raise ValueError(f"min_support: expected a fraction between 0 and 1, got {min_support}")
    lines = lines_until(transactions, terms.as_of, "order_id", "revenue_minor", level)
    customer_of, basket, item, values = coded_baskets(lines, level)
    if not len(customer_of):
        what = f"no line with something bought by {terms.as_of}."
        raise EmptyTableError(f"{what} Choose a later as_of, or lines of a longer time.")
    n = len(customer_of)
    needed = max(min_count, int(np.ceil(min_support * n - 1e-9)), 1)
    in_one = count_one_item(basket, item, n)
    per_item = np.bincount(item, minlength=len(values))
    n_items, frequent = int((per_item > 0).sum()), np.flatnonzero(per_item >= needed)  # lines: at least the baskets
    matrix = _matrix(basket, item, frequent, (n, len(values)))
    enough = np.asarray(matrix.sum(axis=0)).ravel() >= needed
    matrix, frequent = matrix[:, enough].tocsc(), frequent[enough]
    names = values.take(pa.array(frequent)).cast(pa.large_string()).to_pandas().to_numpy(dtype=object)
    first, second, both = found = _frequent_pairs(matrix, names, needed)
    counts = np.asarray(matrix.sum(axis=0)).ravel().astype("int64")
    n_tested = len(frequent) * (len(frequent) - 1) // 2
    n_with_both, variance = _by_customer(matrix, customer_of, found)
    result = pd.DataFrame({"item_a": names[first], "item_b": names[second], "n_baskets": both})
    result = result.assign(n_customers=n_with_both, **_measures(both, counts[first], counts[second], n))
    few = n_with_both < max(terms.least, 2)
    result = result.assign(**_tests(result["lift"].to_numpy(), variance, few, n_tested, terms.level))
    result = result.sort_values(["leverage", "item_a", "item_b"], ascending=[False, True, True], ignore_index=True)
    totals = (n, int(customer_of[-1]) + 1, in_one, n_items, len(frequent), n_tested, needed)
    return ProductPairs(result[COLUMNS], *totals, level, terms.as_of)


def _matrix(basket: np.ndarray, item: np.ndarray, items: np.ndarray, shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return baskets by some items as 0 and 1."""
    column = np.full(shape[1], -1, dtype="int32")
    column[items] = np.arange(len(items))
    kept = column[item] >= 0
    places = (basket[kept], column[item[kept]])
    matrix = sparse.csr_matrix((np.ones(kept.sum(), dtype="int32"), places), shape=(shape[0], len(items)))
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return matrix


def _frequent_pairs(matrix: sparse.csc_matrix, names: np.ndarray, needed: int) -> tuple[np.ndarray, ...]:
    """Return the columns and the number of baskets of each pair in enough of them, the first name first."""
    edges = [*np.searchsorted(matrix.indptr[1:], matrix.nnz * np.arange(_BLOCKS) / _BLOCKS), matrix.shape[1]]
    found = []
    for start, end in itertools.pairwise(edges):  # each pair once: a block of items by itself and those behind it
        block = (matrix[:, start:end].T @ matrix[:, start:]).tocoo()
        kept = (block.row < block.col) & (block.data >= needed)
        found.append(np.stack([block.row[kept] + start, block.col[kept] + start, block.data[kept]]).astype("int64"))
    one, other, both = np.concatenate(found, axis=1)
    rank = np.empty(len(names), dtype="int64")
    rank[np.argsort(names)] = np.arange(len(names))
    swap = rank[one] > rank[other]
    return np.where(swap, other, one), np.where(swap, one, other), both


def _by_customer(
    matrix: sparse.csc_matrix, customer_of: np.ndarray, found: tuple[np.ndarray, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many customers bought each pair together, and the variance of its log(lift) over customers.

    log(lift) is a function of four totals over customers: baskets, those with a, with b, with both. By the
    delta method a customer adds n_i/n + ab_i/ab - a_i/a - b_i/b, and these add up to 0.
    """
    first, second, both = found
    used, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    matrix, (first, second) = matrix[:, used], places.reshape(2, -1)
    baskets = np.bincount(customer_of) / len(customer_of)
    m = len(baskets)
    single = _per_customer(matrix, customer_of, m)
    single = single @ sparse.diags_array(1 / np.maximum(np.asarray(single.sum(axis=0)).ravel(), 1))
    buyers = np.zeros(len(first), dtype="int64")
    squares = np.zeros(len(first))
    for start in range(0, len(first), _CHUNK):
        part = slice(start, start + _CHUNK)
        a, b = first[part], second[part]
        pair = _per_customer(matrix[:, a].multiply(matrix[:, b]).tocsc(), customer_of, m)
        buyers[part] = np.diff(pair.indptr)
        moved = pair @ sparse.diags_array(1 / both[part]) - single[:, a] - single[:, b]
        # a sum of squares of (moved + baskets), where `moved` stays sparse
        cross = np.asarray(moved.T @ baskets).ravel()
        squares[part] = np.asarray(moved.multiply(moved).sum(axis=0)).ravel() + 2 * cross + (baskets**2).sum()
    return buyers, np.maximum(squares, 0) * m / max(m - 1, 1)


def _per_customer(matrix: sparse.csc_matrix, customer_of: np.ndarray, m: int) -> sparse.csc_matrix:
    """Add up ones by customer and column; customers rise along a column, so equal ones stand together."""
    matrix.sort_indices()
    customer = customer_of[matrix.indices]
    begins = np.concatenate([[True], customer[1:] != customer[:-1]])[: len(customer)]
    begins[matrix.indptr[:-1][np.diff(matrix.indptr) > 0]] = True
    places = np.flatnonzero(begins)
    counts = np.diff(places, append=len(customer)).astype("float64")
    columns = np.searchsorted(places, matrix.indptr)
    return sparse.csc_matrix((counts, customer[places], columns), shape=(m, matrix.shape[1]))


def _measures(both: np.ndarray, a: np.ndarray, b: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """Return what follows from the counts of a pair, of its items and of all baskets."""
    a_to_b, b_to_a = both / a, both / b
    with np.errstate(divide="ignore", invalid="ignore"):
        conviction = [np.where(c < 1, (1 - k / n) / (1 - c), np.inf) for c, k in ((a_to_b, b), (b_to_a, a))]
    return {
        "support": both / n, "confidence_a_to_b": a_to_b, "confidence_b_to_a": b_to_a, "lift": both * (n / a / b),
        "leverage": both / n - (a / n) * (b / n), "conviction_a_to_b": conviction[0],
        "conviction_b_to_a": conviction[1], "p_baskets": _p_baskets(both, a, b, n),
    }  # fmt: skip


def _p_baskets(both: np.ndarray, a: np.ndarray, b: np.ndarray, n: int) -> np.ndarray:
    """Test each pair's fourfold table of baskets."""
    from scipy.stats import chi2, fisher_exact

    expected = a * (b / n)
    spread = expected * (1 - a / n) * (1 - b / n)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(spread > 0, chi2.sf((both - expected) ** 2 / spread, 1), 1.0)
    least = np.minimum(np.minimum(expected, a - expected), np.minimum(b - expected, n - a - b + expected))
    for i in np.flatnonzero((least < 5) & (spread > 0)):
        k, x, y = int(both[i]), int(a[i]), int(b[i])
        p[i] = fisher_exact([[k, x - k], [y - k, n - x - y + k]])[1]
    return p


def _tests(lift: np.ndarray, variance: np.ndarray, few: np.ndarray, n_tested: int, level: float) -> dict[str, Any]:
    """Return interval, test and verdict of each lift; NaN of too few customers."""
    from scipy.stats import norm

    error, log = np.sqrt(variance), np.log(lift)
    width = norm.ppf((1 + level) / 2) * error
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(error > 1e-9, 2 * norm.sf(np.abs(log) / error), 1.0)  # in every basket: the lift is 1 for sure
    low, high, p = (np.where(few, np.nan, values) for values in (np.exp(log - width), np.exp(log + width), p))
    q = false_discovery_rates(p, n_tested)
    found = np.where(q <= 1 - level, np.where(log > 0, "more often", "less often"), "no clear difference")
    verdict = pd.Series(np.where(few, "too few", found), dtype="str")
    return {"lift_low": low, "lift_high": high, "p_value": p, "q_value": q, "verdict": verdict}


def name_pairs(pairs: ProductPairs, names: pd.Series) -> ProductPairs:
    """Return pairs of product ids with the names of `product_names` in place of the ids."""
    sides = pairs.table[["item_a", "item_b"]]
    return replace(pairs, table=pairs.table.assign(**sides.apply(lambda ids: ids.map(names).fillna(ids).astype("str"))))


def directed_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return each pair twice, from either side, those that too few customers bought left out.

    ``bought``, ``other``, ``confidence`` (of baskets with the one, the share that holds the other),
    ``n_baskets_bought`` (with the one), ``share_other`` (of all baskets), and columns of `ProductPairs.table`.
    """
    known = pairs[pairs["verdict"] != "too few"]
    kept = ["lift", "lift_low", "lift_high", "n_baskets", "n_customers", "verdict"]
    sides = [("item_a", "item_b", "confidence_a_to_b"), ("item_b", "item_a", "confidence_b_to_a")]
    parts = [known[[*side, *kept]].set_axis(["bought", "other", "confidence", *kept], axis=1) for side in sides]
    both = pd.concat(parts, ignore_index=True)
    both["n_baskets_bought"] = (both["n_baskets"] / both["confidence"]).round().astype("int64")
    both["share_other"] = both["confidence"] / both["lift"]
    return both


def _strong(pairs: pd.DataFrame, min_lift: float) -> pd.Series:
    """Mark the pairs whose whole interval of the lift lies above `min_lift`."""
    return (pairs["verdict"] == "more often") & (pairs["lift_low"] >= max(min_lift, 1.0))


def strong_pairs(pairs: pd.DataFrame, *, min_lift: float) -> pd.DataFrame:
    """Return the pairs whose whole interval of the lift lies above `min_lift`, those of most customers first."""
    order = ["n_customers", "lift", "item_a", "item_b"]
    strong = pairs[_strong(pairs, min_lift)]
    return strong.sort_values(order, ascending=[False, False, True, True], ignore_index=True)


def published_pairs(pairs: pd.DataFrame, *, min_lift: float, least: int, most: int = 200) -> pd.DataFrame:
    """Return pairs that `least` customers bought, `most` of a sort: ``strong``, traps, others of most customers."""
    known = pairs[(pairs["verdict"] != "too few") & (pairs["n_customers"] >= least)]
    best = known[["confidence_a_to_b", "confidence_b_to_a"]].max(axis=1)
    marked = known.assign(strong=_strong(known, min_lift), best=best)
    strong = strong_pairs(marked, min_lift=min_lift).head(most)
    traps = marked[marked["lift_low"] <= 1].nlargest(most, ["best", "n_customers"])
    rest = marked[~marked["strong"] & ~marked.index.isin(traps.index)].nlargest(most, ["n_customers", "lift"])
    order = ["strong", "n_customers", "item_a", "item_b"]
    chosen = pd.concat([strong, traps, rest]).sort_values(order, ascending=[False, False, True, True])
    columns = ["item_a", "item_b", "strong", "n_customers", "n_baskets", "support", "confidence_a_to_b",
               "confidence_b_to_a", "lift", "lift_low", "lift_high", "q_value", "verdict"]  # fmt: skip
    return chosen[columns].reset_index(drop=True)


def misleading_pair(pairs: pd.DataFrame) -> pd.Series | None:
    """Return the `directed_pairs` row of highest confidence whose lift may be 1 or less; None without one."""
    both = directed_pairs(pairs)
    order = ["confidence", "n_customers", "bought", "other"]
    trap = both[both["lift_low"] <= 1].sort_values(order, ascending=[False, False, True, True])
    return trap.iloc[0] if len(trap) else None


@dataclass(frozen=True)
class Offer:
    """What somebody bought, and what goes with it: any of the one, and none of the other."""

    bought: tuple[str, ...] = ()
    goes_with: tuple[str, ...] = ()
    chosen_by_rule: bool = False


def asked_offer(bought: str, missing: str, known: Iterable[str] | None = None) -> Offer:
    """Return what two parameters ask for, several things between semicolons; "" is left to `choose_offer`."""
    texts = ([part.strip() for part in text.split(";") if part.strip()] for text in (bought, missing))
    things, others = (tuple(dict.fromkeys(text)) for text in texts)
    if twice := set(things) & set(others):
        raise DataError(f"{', '.join(sorted(twice))}: both bought and missing; take it out of one.")
    names = None if known is None else sorted({str(name) for name in known if pd.notna(name)})
    if names is not None and (odd := [name for name in (*things, *others) if name not in names]):
        raise DataError(f"{odd[0]!r} is no name of anything sold here.{near_miss(odd[0], names)}")
    return Offer(things, others)


def choose_offer(
    pairs: pd.DataFrame, asked: Offer | None = None, *, min_lift: float = 5.0, most: int = 3
) -> Offer | None:
    """Choose whom to remind of what: the thing in most baskets that has strong partners, and `most` of these.

    What is `asked` is taken as it is, the side left empty is chosen to suit. A partner's whole interval of the lift
    lies above `min_lift`, and `MIN_CONFIDENCE` of the baskets with the thing hold it. None when no pair is so strong.
    """
    things, others = (asked.bought, asked.goes_with) if asked else ((), ())
    if things and others:
        return asked
    both = directed_pairs(pairs)
    strong = both[_strong(both, min_lift) & (both["confidence"] >= MIN_CONFIDENCE)]
    if things:
        strong = strong[strong["bought"].isin(things) & ~strong["other"].isin(things)]
    if others:
        strong = strong[strong["other"].isin(others) & ~strong["bought"].isin(others)]
    if strong.empty:
        return None
    if not things:
        first = strong.sort_values(["n_baskets_bought", "confidence", "bought"], ascending=[False, False, True])
        things = (str(first["bought"].iloc[0]),)
        strong = strong[strong["bought"].isin(things)]
    if not others:
        strong = strong.sort_values(["confidence", "other"], ascending=[False, True])
        others = tuple(strong["other"].drop_duplicates().head(most).astype("str"))
    return Offer(things, others, chosen_by_rule=True)
