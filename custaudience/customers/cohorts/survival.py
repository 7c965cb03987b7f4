"""Time to an event when some are still waiting: Kaplan-Meier curves and the log-rank test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2, norm

from custaudience.errors import EmptyTableError, HistoryError
from custaudience.evidence import Terms

_CURVE = ["time", "at_risk", "events", "share", "low", "high"]


def survival_table(
    durations: ArrayLike, observed: ArrayLike, terms: Terms, *, entry: ArrayLike | None = None, groups: Any = None
) -> pd.DataFrame:
    """Estimate which share has not had an event yet, by time (Kaplan-Meier).

    Parameters
    ----------
    durations : array of n numbers, 0 or more
        Time to the event, or to the end of observation.
    observed : array of n booleans
        True = the event happened; False = not yet when last seen (censored).
    terms : Terms
        A curve stops before fewer than ``least`` are at risk, and groups that are never so many have no row.
    entry : array of n numbers, optional
        Time from which each was watched, below its duration: those already past their start when the data
        begin count only from there.
    groups : array of n labels, optional
        One curve per label.

    Returns
    -------
    DataFrame, one row per group and time, sorted
        ``group`` ("all" without groups), ``time``, ``at_risk`` (just before), ``events``, ``share`` (fraction without
        an event after that time), ``low``, ``high`` (formed on log(-log) of the share; NaN where it is 0). The first
        row of a curve is its start with share 1, the last its end. With late entry a curve starts when ``least`` are
        at risk, and shares are of those who came so far without an event.

    Raises
    ------
    ValueError, EmptyTableError
        If lengths differ, a value is missing or negative, or an entry is not below its duration; if there is nobody.

    Notes
    -----
    Product-limit estimator of Kaplan and Meier (1958) through statsmodels. Censoring must not depend on the
    event: end of data is fine, closing the accounts of the unhappy is not.

    Examples
    --------
    >>> import datetime as dt
    >>> table = survival_table([1, 2, 2, 3], [True, True, False, True], Terms(dt.date(2025, 1, 31), least=1))
    >>> [round(float(share), 3) for share in table["share"]]
    [1.0, 0.75, 0.5, 0.0]
    """
    data = _survival_data(durations, observed, entry, groups)
    by_group = data.groupby("group", sort=True, observed=True)
    parts = [_curve(part, terms.least, terms.level).assign(group=label) for label, part in by_group]
    return pd.concat(parts, ignore_index=True)[["group", *_CURVE]]


def median_survival(table: pd.DataFrame, *, share: float = 0.5) -> pd.DataFrame:
    """Read from each curve of `survival_table` when the share falls to one half, or to another `share`.

    One row per ``group``: ``median``: first time at which the share is so low, NaN if it never is; ``low``, ``high``:
    where the limits of the curve get there, NaN if they do not; ``reached``; ``seen_until``: where the curve ends, so
    that "not reached by day 180" can be said.
    """
    rows = []
    for label, curve in table.groupby("group", sort=True, observed=True):
        first = [curve.loc[curve[c] <= share + 1e-12, "time"].min() for c in ("share", "low", "high")]
        rows.append((label, *first, bool(pd.notna(first[0])), curve["time"].max()))
    return pd.DataFrame(rows, columns=["group", "median", "low", "high", "reached", "seen_until"])


@dataclass(frozen=True)
class SurvivalComparison:
    """A log-rank test of equal curves.

    ``groups``: ``group``, ``n``, ``events``, ``expected`` (events if all groups were alike). ``pairs``: ``group_a``,
    ``group_b``, ``chi2``, ``p_value``, ``p_holm`` (corrected for the number of pairs).
    """

    groups: pd.DataFrame
    chi2: float
    df: int
    p_value: float
    pairs: pd.DataFrame


def compare_survival(
    durations: ArrayLike, observed: ArrayLike, groups: Any, *, entry: ArrayLike | None = None
) -> SurvivalComparison:
    """Test whether groups have the same time to an event (log-rank).

    Arguments are those of `survival_table`.

    Raises
    ------
    HistoryError
        If there is only one group, nobody had the event, or groups were never at risk at the same time.

    Notes
    -----
    Log-rank test after Mantel (1966) through statsmodels; pairs corrected after Holm (1979). A small p-value
    says that curves differ somewhere, not how much: show `survival_table` with it. Curves that cross can differ
    without a small one. Groups must be known at the start, not made from what happened later.
    """
    from statsmodels.stats.multitest import multipletests

    data = _survival_data(durations, observed, entry, groups)
    labels = sorted(data["group"].unique())
    if len(labels) < 2:
        raise HistoryError(f"compare_survival: two groups or more are needed, got {labels}.")
    if not data["observed"].any():
        raise HistoryError("compare_survival: nobody has had the event yet; there is nothing to compare.")
    statistic, p_value = _log_rank(data)
    rows, holm = [(*labels, statistic, p_value)], [p_value]
    if len(labels) > 2:
        rows = [(a, b, *_log_rank(data[data["group"].isin([a, b])])) for a, b in combinations(labels, 2)]
        holm = multipletests([p for *_, p in rows], method="holm")[1]
    pairs = pd.DataFrame(rows, columns=["group_a", "group_b", "chi2", "p_value"]).assign(p_holm=holm)
    return SurvivalComparison(_expected(data, labels), statistic, len(labels) - 1, p_value, pairs)


def _survival_data(durations: ArrayLike, observed: ArrayLike, entry: ArrayLike | None, groups: Any) -> pd.DataFrame:
    """Check the inputs and line them up."""
    time = np.asarray(durations, dtype="float64")
    given = {"observed": observed, "entry": entry, "groups": groups}
    for name, value in given.items():
        if value is not None and (n := len(np.asarray(value))) != len(time):
            raise ValueError(f"{name}: expected {len(time)} values, one per duration, got {n}")
    if not len(time):
        raise EmptyTableError("durations: nobody to follow. Choose a later as_of or a wider group.")
    if not (time >= 0).all():
        raise ValueError("durations: expected numbers of 0 or more; some are missing or negative")
    data = pd.DataFrame({"time": time, "observed": np.asarray(observed, dtype=bool)})
    data["entry"] = -1.0 if entry is None else np.asarray(entry, dtype="float64")
    if not (data["entry"] < data["time"]).all():
        raise ValueError("entry: expected a time below each duration; leave out who was never watched")
    data["group"] = "all" if groups is None else pd.Series(np.asarray(groups))
    if data["group"].isna().any():
        raise ValueError("groups: some labels are missing; name them or leave those rows out")
    return data


def _at_risk(data: pd.DataFrame, times: np.ndarray) -> np.ndarray:
    """Return how many are watched and without the event just before each time (entry < time <= duration)."""
    entered = np.searchsorted(np.sort(data["entry"].to_numpy()), times, side="left")
    gone = np.searchsorted(np.sort(data["time"].to_numpy()), times, side="left")
    return entered - gone


def _curve(data: pd.DataFrame, min_at_risk: int, level: float) -> pd.DataFrame:
    """Return the Kaplan-Meier curve of one group where enough are at risk."""
    from statsmodels.duration.survfunc import SurvfuncRight

    times = np.unique(data["time"].to_numpy())
    risk = _at_risk(data, times)
    enough = risk >= max(min_at_risk, 1)
    if not enough.any():
        return pd.DataFrame(columns=_CURVE, dtype="float64")
    begin = int(np.argmax(enough))
    stop = begin + int(np.argmin(enough[begin:])) if not enough[begin:].all() else len(times)
    start = times[begin - 1] if begin else max(0.0, float(data["entry"].min()))
    kept = data[data["time"] > start] if begin else data
    time, event, entry = (kept[c].to_numpy("float64") for c in ("time", "observed", "entry"))
    fit = SurvfuncRight(time, event, entry=np.maximum(entry, start if begin else -1.0))
    use = fit.surv_times <= times[stop - 1]
    share = np.minimum.accumulate(fit.surv_prob[use])
    with np.errstate(divide="ignore", invalid="ignore"):
        width = np.exp(norm.ppf((1 + level) / 2) * fit.surv_prob_se[use] / (share * -np.log(share)))
    low, high = np.where(share > 0, [share**width, share ** (1 / width)], np.nan)
    values = (fit.surv_times[use], fit.n_risk[use], fit.n_events[use], share, low, high)
    curve = pd.DataFrame(dict(zip(_CURVE, values, strict=True)))
    ends = [(start, risk[begin], 0, 1.0, 1.0, 1.0)]
    if not len(curve) or curve["time"].iloc[-1] < times[stop - 1]:
        tail = curve.iloc[-1] if len(curve) else dict(zip(_CURVE, ends[0], strict=True))
        ends.append((times[stop - 1], risk[stop - 1], 0, tail["share"], tail["low"], tail["high"]))
    curve = pd.concat([curve, pd.DataFrame(ends, columns=_CURVE)]).sort_values("time", kind="stable")
    curve = curve.drop_duplicates("time", ignore_index=True)
    return curve.astype({"at_risk": "int64", "events": "int64"})


def _log_rank(data: pd.DataFrame) -> tuple[float, float]:
    """Return chi-squared and the p-value of equal curves; NaN without events."""
    from statsmodels.duration.survfunc import survdiff

    codes, labels = pd.factorize(data["group"], sort=True)
    if not data["observed"].any():
        return math.nan, math.nan
    time, event, entry = (data[c].to_numpy("float64") for c in ("time", "observed", "entry"))
    try:
        statistic, _ = survdiff(time, event, codes, entry=entry)
    except np.linalg.LinAlgError as error:
        fault = "compare_survival: groups were never at risk at the same time, so they cannot be compared."
        raise HistoryError(fault) from error
    return float(statistic), float(chi2.sf(statistic, len(labels) - 1))


def _expected(data: pd.DataFrame, labels: list[Any]) -> pd.DataFrame:
    """Return, for groups of `labels`, how many had the event and how many would if all groups were alike."""
    times, events = np.unique(data.loc[data["observed"], "time"].to_numpy(), return_counts=True)
    rate = events / _at_risk(data, times)
    rows = []
    for label in labels:
        part = data[data["group"] == label]
        rows.append((label, len(part), int(part["observed"].sum()), float((_at_risk(part, times) * rate).sum())))
    return pd.DataFrame(rows, columns=["group", "n", "events", "expected"])
