"""Segments in words: what sets each apart from all other customers, and a few rules that anybody can apply."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from custaudience.customers.features.attributes import CATEGORY_SHARE, sensitive_topic
from custaudience.customers.segments.clusters import CustomerSegments, customers_with
from custaudience.customers.segments.preparation import by_customer
from custaudience.errors import ColumnError, DataError, EmptyTableError
from custaudience.evidence import Terms
from custaudience.stats.contrast import as_numbers, contrast, judge, kind_of
from custaudience.stats.intervals import share_interval

if TYPE_CHECKING:
    from sklearn.tree import DecisionTreeClassifier

MOST_LEVELS = 30
MOST_TRAINED = 100_000
Rules = tuple[tuple[tuple["Condition", ...], str], ...]
_TERMS = Terms(dt.date.max)


@dataclass(frozen=True)
class SegmentProfiles:
    """Every segment against all others.

    Attributes
    ----------
    table : DataFrame, one row per segment, feature (and level of a category), sorted by segment and size of effect
        ``segment``, then as `contrast` has them (a product category's share is never compared by its median), with
        ``p_adjusted`` (false discovery rate over the table) and ``status`` of `judge`; ``made_from``: the segments were
        made from the feature, and p-values are NaN. Where ``status`` is "too_few" figures are NaN.
    level, min_group_size, notes
        Of the intervals; of the groups shown; what a reader must know, in English.
    """

    table: pd.DataFrame
    level: float
    min_group_size: int
    notes: tuple[str, ...]

    def top(self, segment: str, n: int = 5) -> pd.DataFrame:
        """Return the `n` clear differences of a segment with the largest effects, one per feature."""
        rows = self.table[(self.table["segment"] == segment) & (self.table["status"] == "measured")]
        return rows.drop_duplicates("feature").head(n).reset_index(drop=True)


def describe_segments(
    matrix: pd.DataFrame, segments: CustomerSegments | pd.Series, *, by_mean: Collection[str] = (),
    include_sensitive: bool = False, terms: Terms = _TERMS,
) -> SegmentProfiles:  # fmt: skip
    """Compare each segment with all other customers, feature by feature.

    Parameters
    ----------
    matrix : DataFrame, one row per customer
        With ``customer_id`` as index or column: what the segments were made from, and anything else known.
    segments : CustomerSegments, or Series per ``customer_id``
        Customers without a segment are left out.
    by_mean : collection of str
        Numbers compared by their means, as shares of product categories always are: of who has ordered often, a share
        of orders is seldom 0 and near the middle, so that medians and "any at all" would tell how often they ordered.
    include_sensitive : bool
        Show sensitive attributes (religion, health, …) in aggregate.
    terms : Terms, optional
        Segments, levels, and yes and no, with fewer customers than its ``least`` get no figures.

    Raises
    ------
    EmptyTableError, DataError
        If no customer of the matrix has a segment, or there is one segment only.

    Notes
    -----
    Means after Welch, medians by bootstrap, shares after Newcombe: see `custaudience.stats.contrast`. A feature
    the segments were made from differs between them by construction: its interval says how much, and no p-value is
    given, since it would be small for segments cut out of noise, too (Gao, Bien and Witten 2022).
    """
    table, names, made_from = customers_with(segments, matrix)
    if not len(table):
        raise EmptyTableError("describe_segments: no customer of the matrix has a segment. Do the ids agree?")
    if len(found := list(names.cat.categories)) < 2:
        raise DataError("describe_segments: there is one segment only, and nobody to compare it with.")
    wanted = [str(name) for name in table.columns]
    hidden = {} if include_sensitive else {name: topic for name in wanted if (topic := sensitive_topic(name))}
    notes = [
        f"{name} is left out: sensitive ({topic}). include_sensitive=True shows it in aggregate."
        for name, topic in hidden.items()
    ]
    # who orders often has bought of everything once, so that "any at all" would tell how often, not what
    means = {*by_mean, *(name for name in wanted if name.startswith(CATEGORY_SHARE))}
    table = table[[name for name in wanted if name not in hidden]]
    profile, faults = contrast(table, names, terms, by_mean=means)
    notes += faults
    made = profile["feature"].isin(made_from)
    profile = profile.rename(columns={"group": "segment"}).assign(p_value=profile["p_value"].mask(made))
    profile = judge(profile, terms.level)
    profile.insert(len(profile.columns) - 1, "made_from", made)
    order = profile.assign(
        place=profile["segment"].map({name: i for i, name in enumerate(found)}), size=-profile["effect"].abs()
    ).sort_values(["place", "size", "feature", "category"], kind="stable", na_position="last")
    if made_from:
        notes.append("No p-values for what the segments were made from: they differ in it by construction.")
    return SegmentProfiles(profile.loc[order.index].reset_index(drop=True), terms.level, terms.least, tuple(notes))


@dataclass(frozen=True)
class Condition:
    """One test of one feature, in its own units; `value` is the limit, the level of a category, or ""."""

    feature: str
    test: Literal["at most", "above", "is", "is not", "known", "missing"]
    value: float | str = ""

    def __str__(self) -> str:
        if self.test in ("known", "missing"):
            return f"{self.feature} is {self.test}"
        value = f"{self.value:,.12g}" if isinstance(self.value, float) else self.value
        sign = {"at most": "≤", "above": ">"}.get(self.test, self.test)
        return f"{self.feature} {sign} {value}"

    def holds(self, table: pd.DataFrame, middle: dict[str, float]) -> np.ndarray:
        """Return for which rows it holds; a missing number counts as the middle one."""
        values = table[self.feature]
        if self.test in ("known", "missing"):
            return (values.isna() == (self.test == "missing")).to_numpy()
        if self.test in ("is", "is not"):
            same = (values.astype(object).astype("str") == self.value) & values.notna()
            return same.to_numpy() == (self.test == "is")
        numbers = np.nan_to_num(_numbers(values), nan=middle[self.feature])
        return (numbers <= float(self.value)) == (self.test == "at most")


@dataclass(frozen=True)
class SegmentTree:
    """Rules that name a segment for every customer.

    Attributes
    ----------
    rules : DataFrame, one row per rule
        ``rule`` (conditions joined by "and"), ``segment``, ``n`` (customers of the hold-out it holds for),
        ``right`` (share of them in that segment; NaN when it holds for none).
    segments : DataFrame, one row per segment, on the hold-out
        ``segment``, ``n``, ``recall`` (share of its customers the rules send to it) with ``recall_low`` and
        ``recall_high``, ``precision`` (share of those sent to it who belong there) likewise; NaN when none is sent.
    fidelity, low, high, baseline, level : float
        Share of the hold-out that the rules send to their segment, with Wilson's interval, and the same for "everybody
        is in the largest segment".
    n_train, n_hold_out : int
    conditions : tuple of pairs (conditions, segment)
        The rules for `apply`; exactly one holds for any customer.
    middle : dict of feature to float
        Stands in for a missing number.
    """

    rules: pd.DataFrame
    segments: pd.DataFrame
    fidelity: float
    low: float
    high: float
    baseline: float
    level: float
    n_train: int
    n_hold_out: int
    conditions: Rules
    middle: dict[str, float]

    def apply(self, matrix: pd.DataFrame) -> pd.Series:
        """Return the segment that the rules name, per ``customer_id``, sorted."""
        table = by_customer(matrix)
        needed = {condition.feature for conditions, _ in self.conditions for condition in conditions}
        if absent := sorted(needed - set(table.columns)):
            raise ColumnError(f"customer matrix: columns {absent} are missing; the rules need them.")
        return pd.Series(_apply(self.conditions, table, self.middle), index=table.index, name="segment", dtype="str")


def segment_rules(
    matrix: pd.DataFrame, segments: CustomerSegments | pd.Series, *, max_depth: int = 3, hold_out: float = 0.3,
    balanced: bool = False, terms: Terms = _TERMS,
) -> SegmentTree:  # fmt: skip
    """Say the segments in a few readable rules, and how often the rules are right on customers not used for them.

    Parameters
    ----------
    matrix : DataFrame, one row per customer
        With ``customer_id`` as index or column, in original units.
    segments : CustomerSegments, or Series per ``customer_id``
        The former are told by what they were made from, the latter by all columns.
    max_depth : int, 1 to 3
        Conditions per rule before they are put together.
    hold_out : float
        Share of customers the rules are judged on.
    balanced : bool
        Segments weigh the same however many customers they have: a rule names the segment that is more frequent where
        it holds than elsewhere, and not only the one that most belong to.
    terms : Terms, optional

    Notes
    -----
    A classification tree (Breiman et al. 1984) with Gini impurity, its limits rounded before it is judged. Fidelity
    is agreement with the segments, not truth about customers. A small segment may get no rule: its recall is 0 then.
    One segment only, or fewer than 40 customers, are refused (DataError).
    """
    if not 1 <= max_depth <= 3:
        raise ValueError(f"max_depth: expected 1 to 3, got {max_depth}; deeper rules are no longer read")
    table, names, made_from = customers_with(segments, matrix)
    table = table[[name for name in made_from or table.columns if not sensitive_topic(str(name))]]
    found = [str(name) for name in names.cat.categories]
    label = names.cat.codes.to_numpy().astype(int)
    if len(found) < 2:
        raise DataError("segment_rules: there is one segment only; it needs no rules.")
    if len(table) < 40:
        raise DataError(f"segment_rules: {len(table)} customers are too few to judge rules on some of them.")
    from sklearn.tree import DecisionTreeClassifier

    train, test = _split(label, hold_out, np.random.default_rng(terms.seed))
    train = train[:MOST_TRAINED]
    x, meaning, middle = _encode(table, train)
    few, weights = max(5, len(train) // 200), "balanced" if balanced else None
    tree = DecisionTreeClassifier(
        max_depth=max_depth, min_samples_leaf=few, class_weight=weights, random_state=terms.seed
    ).fit(x[train], label[train])
    conditions = tuple((_shortened(path), found[number]) for path, number in _leaves(tree, meaning, x[train]))
    judged = table.iloc[test]
    said, true = _apply(conditions, judged, middle), np.array(found)[label[test]]
    fidelity = share_interval(int((said == true).sum()), len(test), terms.level)
    largest = found[int(np.bincount(label[train], minlength=len(found)).argmax())]
    return SegmentTree(
        _rule_table(conditions, judged, middle, true), _segment_table(found, said, true, terms.level), *fidelity,
        float((true == largest).mean()), terms.level, len(train), len(test), conditions, middle,
    )  # fmt: skip


def _split(label: np.ndarray, hold_out: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Divide each segment at random in the same proportion, one at least on both sides; return both in random order."""
    train, test = [], []
    for number in range(label.max() + 1):
        rows = rng.permutation(np.flatnonzero(label == number))
        n = min(max(1, round(hold_out * len(rows))), max(len(rows) - 1, 1))
        test.append(rows[:n])
        train.append(rows[n:])
    return rng.permutation(np.concatenate(train)), rng.permutation(np.concatenate(test))


def _numbers(values: pd.Series) -> np.ndarray:
    """Return numbers, or the places of an ordered category, with NaN for missing."""
    return as_numbers(values.cat.codes.where(values.notna()) if kind_of(values) == "ordered" else values)


def _encode(table: pd.DataFrame, train: np.ndarray) -> tuple[np.ndarray, list[tuple[str, Any]], dict[str, float]]:
    """Return the tree's columns, what each means (feature, and level or True for "missing"), and the middles."""
    columns: list[np.ndarray] = []
    meaning: list[tuple[str, Any]] = []
    middle: dict[str, float] = {}
    for name in map(str, table.columns):
        values = table[name]
        if values.isna().any():
            columns.append(values.isna().to_numpy(dtype=float))
            meaning.append((name, True))
        if kind_of(values) == "category":
            text = values.astype(object).astype("str").where(values.notna())
            for level in text.iloc[train].value_counts().index[:MOST_LEVELS]:
                columns.append((text == level).to_numpy(dtype=float))
                meaning.append((name, level))
            continue
        numbers = _numbers(values)
        known = numbers[train][~np.isnan(numbers[train])]
        middle[name] = float(np.median(known)) if len(known) else 0.0
        columns.append(np.nan_to_num(numbers, nan=middle[name]))
        meaning.append((name, None))
    return np.column_stack(columns), meaning, middle


def _leaves(
    tree: DecisionTreeClassifier, meaning: list[tuple[str, Any]], x: np.ndarray, node: int = 0, path: tuple = ()
) -> list[tuple[tuple[Condition, ...], int]]:
    """Return the conditions that lead to each leaf and its segment; equal leaves beside each other become one."""
    inner = tree.tree_
    if inner.children_left[node] == -1:
        return [(path, int(tree.classes_[inner.value[node][0].argmax()]))]
    column = inner.feature[node]
    name, level = meaning[column]
    if level is True:
        tests = Condition(name, "known"), Condition(name, "missing")
    elif level is not None:
        tests = Condition(name, "is not", level), Condition(name, "is", level)
    else:
        limit = float(round_limit(float(inner.threshold[node]), x[:, column]))
        tests = Condition(name, "at most", limit), Condition(name, "above", limit)
    left = _leaves(tree, meaning, x, inner.children_left[node], (*path, tests[0]))
    right = _leaves(tree, meaning, x, inner.children_right[node], (*path, tests[1]))
    return [(path, left[0][1])] if len(left) == len(right) == 1 and left[0][1] == right[0][1] else left + right


def round_limit(limit: float, values: np.ndarray) -> float:
    """Return the shortest number that divides the values nearly as `limit` does.

    Within a hundredth of their standard deviation, or anywhere between the two values around it.
    """
    below, above = values[values <= limit], values[values > limit]
    if not len(below) or not len(above):
        return limit
    room = values.std() / 100
    low, high = min(below.max(), limit - room), max(above.min(), limit + room)
    if (values[:1000] % 1 == 0).all() and (values % 1 == 0).all():
        low, high, limit = math.floor(low), math.ceil(high), math.floor(limit)
    for digits in range(-9, 10):
        candidate = round(limit, digits)
        if low <= candidate < high:
            return float(candidate)
    return limit


def _shortened(path: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Keep the tightest of several limits on one feature."""
    kept: dict[tuple[str, str, str], Condition] = {}
    for condition in path:
        tighter = {"at most": min, "above": max}.get(condition.test)
        key = (condition.feature, condition.test, "" if tighter else str(condition.value))
        if tighter and key in kept:
            condition = replace(condition, value=tighter(float(kept[key].value), float(condition.value)))
        kept[key] = condition
    return tuple(kept.values())


def _apply(conditions: Rules, table: pd.DataFrame, middle: dict[str, float]) -> np.ndarray:
    held = [_all_hold(tests, table, middle) for tests, _ in conditions]
    return np.select(held, [segment for _, segment in conditions], "")


def _all_hold(tests: Sequence[Condition], table: pd.DataFrame, middle: dict[str, float]) -> np.ndarray:
    return np.logical_and.reduce([np.ones(len(table), dtype=bool), *(test.holds(table, middle) for test in tests)])


def rule_text(tests: Sequence[Condition]) -> str:
    """Return the conditions of a rule as `SegmentTree.rules` writes them."""
    return " and ".join(map(str, tests)) or "everybody"


def _rule_table(conditions: Rules, table: pd.DataFrame, middle: dict[str, float], true: np.ndarray) -> pd.DataFrame:
    rows = []
    for tests, segment in conditions:
        right = true[_all_hold(tests, table, middle)] == segment
        rows.append((rule_text(tests), segment, len(right), right.mean() if len(right) else np.nan))
    frame = pd.DataFrame(rows, columns=["rule", "segment", "n", "right"])
    return frame.sort_values(["segment", "n"], ascending=[True, False], kind="stable", ignore_index=True)


def _segment_table(found: list[str], said: np.ndarray, true: np.ndarray, level: float) -> pd.DataFrame:
    rows = []
    for name in found:
        right, n, n_said = (int(who.sum()) for who in ((said == name) & (true == name), true == name, said == name))
        rows.append((name, n, *share_interval(right, n, level), *share_interval(right, n_said, level)))
    measures = [f"{measure}{end}" for measure in ("recall", "precision") for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["segment", "n", *measures])
