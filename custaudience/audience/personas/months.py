"""The personas of a study beside those of an earlier date: which group is which, which stayed, came, went, changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from custaudience.audience.personas.persona import Persona
from custaudience.errors import DataError

FLOOR = 0.5  # overlap of members below which a group counts as dissolved (Hennig 2007)
CHANGED = 0.25  # from this share of its customers come or gone, a persona is to be looked at again
NOBODY = "nobody"  # why there is no persona, a case of the sheet's [finding]: nobody has an order that counts
_COLUMNS = ["now", "before", "state", "overlap"]
_SHARES = ("n_customers", "share_of_customers", "share_of_revenue")
_BEFORE = ("n_before", "share_of_customers_before", "share_of_revenue_before")
_Row = tuple[str | None, str | None, str, float]


@dataclass(frozen=True)
class PersonaMonth:
    """The personas of a study at a date, and what became of those of an `earlier` one, None where there are no data.

    `basis` is "found" or "rfm"; `searched_from`: orders from which a customer was looked at; `reason`: why there is no
    persona, a case of the sheet's ``[finding]``.
    """

    personas: tuple[Persona, ...]
    changes: pd.DataFrame
    as_of: dt.date
    earlier: dt.date | None
    basis: str
    searched_from: int = 1
    reason: str = ""


def match_groups(
    now: pd.Series, before: pd.Series, *, by_name: bool, min_group_size: int = 10, floor: float = FLOOR
) -> pd.DataFrame:
    """Match the groups of customers (Series per ``customer_id``, those without one left out) at two dates.

    `by_name`: the same rules make the groups at both dates. Names of found groups are given anew each time, and there a
    group is the one whose members overlap by `floor` or more (Jaccard, of the customers who have a group at both
    dates): the pairs with the largest sum of overlaps (Hungarian method, Kuhn 1955), so no group is matched twice.
    ``state`` is "kept"; "new"; "split" (most of its members were in the group ``before``, which is another group's, or
    nobody's, now); "gone"; "merged" (most of its members are in the group ``now``, which was another one).
    Of a kept group, ``came`` is the share of its members of now who were not in it, ``went`` of those of then who are
    not any more: a size may stay while the people change.
    """
    here, there = (_groups(labels, min_group_size) for labels in (now, before))
    if by_name:
        rows: list[_Row] = [(g, g, "kept", np.nan) if g in there else (g, None, "new", np.nan) for g in here]
        rows += [(None, name, "gone", np.nan) for name in there if name not in here]
    else:
        rows = _by_members(now, before, here, there, floor)
    table = pd.DataFrame(rows, columns=_COLUMNS)
    both = pd.DataFrame({"now": now.astype("str"), "before": before.astype("str")})
    pairs = list(table[["now", "before"]].itertuples(index=False, name=None))
    kept = table["state"] == "kept"
    table["came"] = [(both.loc[both["now"] == a, "before"] != b).mean() for a, b in pairs]
    table["went"] = [(both.loc[both["before"] == b, "now"] != a).mean() for a, b in pairs]
    table.loc[~kept, ["came", "went"]] = np.nan
    return table


def carried_names(matches: pd.DataFrame, numbers: dict[str, int]) -> dict[str, int]:
    """Return the numbers of names that groups of now keep from the group they were."""
    kept = matches[matches["state"] == "kept"]
    pairs = zip(kept["now"], kept["before"], strict=True)
    return {str(now): numbers[str(before)] for now, before in pairs if str(before) in numbers}


def _groups(labels: pd.Series, least: int) -> list[str]:
    """Return the groups that are large enough, in the order of their categories, else of their names."""
    if labels.index.has_duplicates:
        raise DataError("groups of two dates: a customer has two groups at one date. Give each one group.")
    sizes = labels.dropna().astype("str").value_counts()
    known = labels.cat.categories if isinstance(labels.dtype, pd.CategoricalDtype) else sorted(sizes.index)
    return [str(name) for name in known if sizes.get(str(name), 0) >= max(1, least)]


def _by_members(now: pd.Series, before: pd.Series, here: list[str], there: list[str], floor: float) -> list[_Row]:
    both = pd.DataFrame({"now": now, "before": before}).dropna().astype("str")
    table = pd.crosstab(both["now"], both["before"])
    shared = table.reindex(index=here, columns=there, fill_value=0).to_numpy("float64")
    # members in groups too small to be shown count in the sizes
    rows, columns = table.sum(axis=1).reindex(here, fill_value=0), table.sum(axis=0).reindex(there, fill_value=0)
    mine, theirs = rows.to_numpy("float64")[:, None], columns.to_numpy("float64")[None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        overlap = np.nan_to_num(shared / (mine + theirs - shared))
        came, went = np.nan_to_num(shared / mine), np.nan_to_num(shared / theirs)
    pairs = {i: j for i, j in zip(*linear_sum_assignment(-overlap), strict=True) if overlap[i, j] >= floor}
    found: list[_Row] = []
    for i, name in enumerate(here):
        if i in pairs:
            found.append((name, there[pairs[i]], "kept", overlap[i, pairs[i]]))
        elif there and came[i].max() >= 0.5:
            j = int(came[i].argmax())
            found.append((name, there[j], "split", overlap[i, j]))
        else:
            found.append((name, None, "new", np.nan))
    for j, name in enumerate(there):
        if j not in pairs.values():
            i = int(went[:, j].argmax()) if here else 0
            merged = i in pairs and went[i, j] >= 0.5  # into a group that is another one's heir
            found.append((here[i] if merged else None, name, "merged" if merged else "gone", np.nan))
    return found


def group_sizes(labels: pd.Series, revenue: pd.Series, *, min_group_size: int) -> pd.DataFrame:
    """Return ``n_customers`` and shares of customers and revenue of each group of `min_group_size` or more."""
    who = labels.dropna().astype("str")
    spent = revenue.reindex(who.index).astype("float64").groupby(who).sum()
    sizes = who.value_counts().rename("n_customers").to_frame()
    sizes["share_of_customers"] = sizes["n_customers"] / len(who)
    sizes["share_of_revenue"] = spent / spent.sum() if spent.sum() > 0 else float("nan")
    return sizes[sizes["n_customers"] >= min_group_size]


def persona_changes(
    matches: pd.DataFrame, now: pd.DataFrame, before: pd.DataFrame, numbers: Mapping[str, int],
    numbers_before: Mapping[str, int],
) -> pd.DataFrame:  # fmt: skip
    """Put each persona beside the one it was: `match_groups` with their `group_sizes` and the numbers of their names.

    Kept, with a quarter of its customers of then come or gone, it is "changed". Of a persona that split off, the
    figures before are those of nobody, and so missing.
    """
    table = matches.rename(columns={"now": "segment", "before": "segment_before"})
    for names, sizes, key in ((_SHARES, now, "segment"), (_BEFORE, before, "segment_before")):
        for name, column in zip(names, _SHARES, strict=True):
            table[name] = [sizes[column].get(group) if isinstance(group, str) else None for group in table[key]]
    split, merged = table["state"] == "split", table["state"] == "merged"
    table.loc[split, list(_BEFORE)] = None
    table.loc[merged, list(_SHARES)] = None
    gained = table["came"] * table["n_customers"].astype("float64") / table["n_before"].astype("float64")
    table["state"] = table["state"].mask(np.fmax(gained, table["went"]) >= CHANGED, "changed")
    here = table["state"].isin(["kept", "changed", "new", "split"])
    table["name_number"] = [
        numbers.get(str(row.segment), 0) if there else numbers_before.get(str(row.segment_before), 0)
        for row, there in zip(table.itertuples(), here, strict=True)
    ]
    kinds = dict.fromkeys((*_SHARES[1:], *_BEFORE[1:], "overlap", "came", "went"), "float64")
    return table.astype(kinds | {"n_customers": "Int64", "n_before": "Int64"})


def holds_since(history: Mapping[dt.date, pd.Series], *, min_group_size: int = 10) -> dict[str, dt.date | None]:
    """Return since when each segment of the last date has had enough customers without a gap.

    `history` has the labels (Series per ``customer_id``) at each date looked at, the last one included; None with one
    date only. Groups that were found must be matched first.

    Examples
    --------
    >>> history = {dt.date(2025, m, 1): pd.Series(["a"] * n) for m, n in ((1, 4), (2, 12), (3, 15))}
    >>> holds_since(history)
    {'a': datetime.date(2025, 2, 1)}
    """
    if not history:
        return {}
    days = sorted(history, reverse=True)
    sizes = pd.DataFrame({day: history[day].dropna().astype("str").value_counts() for day in days})
    held = (sizes >= min_group_size).cumprod(axis=1).sum(axis=1)[sizes[days[0]].notna()]  # days without a gap
    return {str(segment): days[n - 1] if len(days) > 1 and n else None for segment, n in held.items()}
