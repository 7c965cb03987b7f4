"""Which group of this month is which of last month: by name where rules make them, else by their members."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from custaudience.errors import DataError

FLOOR = 0.5
"""Overlap of members below which a group is another one (Hennig 2007: below it a group counts as dissolved)."""
_COLUMNS = ["now", "before", "state", "overlap"]
_Row = tuple[str | None, str | None, str, float]


def match_groups(
    now: pd.Series, before: pd.Series, *, by_name: bool, min_group_size: int = 10, floor: float = FLOOR
) -> pd.DataFrame:
    """Match the groups of customers at two dates.

    Parameters
    ----------
    now, before : Series per ``customer_id``
        The group of each customer; those without one are left out.
    by_name : bool
        True where the same rules make the groups at both dates: then a group is the one of the same name. False
        for groups that were found, whose names are given anew each time.
    min_group_size : int
        A group of fewer customers is not there: nothing is said of it at either date.
    floor : float
        Overlap (Jaccard, of the customers who have a group at both dates) from which a group is the same.

    Returns
    -------
    DataFrame, one row per group of now in their order, then the groups of before that are left
        ``now``, ``before`` (missing where there is none); ``state``: "kept"; "new"; "split" (most of its members
        were in the group ``before``, which is another group's, or nobody's, now); "gone"; "merged" (most of its
        members are in the group ``now``, which was another one); ``overlap`` (Jaccard; NaN by name).

    Raises
    ------
    DataError
        If a customer has two groups at one date.

    Notes
    -----
    The pairs are those with the largest sum of overlaps (Hungarian method, Kuhn 1955), so no group is matched twice.

    Examples
    --------
    >>> ids = [f"c{i}" for i in range(30)]
    >>> then = pd.Series(["a"] * 15 + ["b"] * 15, index=ids)
    >>> match_groups(then.map({"a": "x", "b": "y"}), then, by_name=False)[["now", "before", "state"]].values.tolist()
    [['x', 'a', 'kept'], ['y', 'b', 'kept']]
    """
    here, there = (_groups(labels, min_group_size) for labels in (now, before))
    if by_name:
        return _by_name(list(here), list(there))
    return _by_members(now, before, list(here), list(there), floor)


def carried_names(matches: pd.DataFrame, numbers: dict[str, int]) -> dict[str, int]:
    """Return the numbers of names that groups of now keep from the group they were.

    Parameters
    ----------
    matches : DataFrame
        From `match_groups`.
    numbers : dict of group of before to number

    Returns
    -------
    dict of group of now to number
    """
    kept = matches[matches["state"] == "kept"]
    pairs = zip(kept["now"], kept["before"], strict=True)
    return {str(now): numbers[str(before)] for now, before in pairs if str(before) in numbers}


def _groups(labels: pd.Series, least: int) -> pd.Index:
    """Return the groups that are large enough, in the order of their categories, else of their names."""
    if labels.index.has_duplicates:
        raise DataError("groups of two dates: a customer has two groups at one date. Give each one group.")
    sizes = labels.dropna().astype("str").value_counts()
    known = (
        labels.cat.categories.astype("str") if isinstance(labels.dtype, pd.CategoricalDtype) else sorted(sizes.index)
    )
    return pd.Index([name for name in known if sizes.get(name, 0) >= max(1, least)], dtype="str")


def _by_name(here: list[str], there: list[str]) -> pd.DataFrame:
    rows: list[_Row] = [(name, name, "kept", np.nan) if name in there else (name, None, "new", np.nan) for name in here]
    rows += [(None, name, "gone", np.nan) for name in there if name not in here]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _by_members(now: pd.Series, before: pd.Series, here: list[str], there: list[str], floor: float) -> pd.DataFrame:
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
    return pd.DataFrame(found, columns=_COLUMNS)
