"""A made-up month: tables and claims as notebooks publish them, in three sizes and with hostile texts."""

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from custaudience.evidence import Claim, Terms, write_claims
from custaudience.monitoring.claims import month_claims
from custaudience.reports.ledger import NotebookRun, RunInfo

AS_OF = dt.date(2017, 12, 31)
NOTEBOOKS = ("00_start_here", "30_rfm_and_lifecycle", "31_cohorts")
CAVEAT = (
    "The publishers of this panel disagree whether it is simulated: the R package presents it as purchases of "
    "frequent shoppers, the Python package calls it simulated data."
)
CAVEAT_UK = "Видавці цієї панелі розходяться в тому, чи вона змодельована."
# Months of the grocery panel: revenue, orders, customers, days with an order.
PANEL = (
    (373300.23, 12807, 1983, 31), (350055.08, 11795, 1948, 28), (379997.84, 12958, 2025, 31),
    (373254.44, 12711, 2007, 30), (401629.29, 13695, 2075, 31), (373171.32, 13005, 2026, 30),
    (397091.05, 13759, 2077, 31), (384426.12, 13406, 2034, 31), (367557.87, 12633, 2028, 30),
    (387808.68, 13248, 2051, 31), (386027.21, 12734, 2061, 29), (421720.45, 13097, 2062, 30),
)  # fmt: skip
SHARES = {
    "champions": (413, 0.386, 0, 21), "loyal": (287, 0.161, 34, 8), "cannot_lose": (None, None, None, None),
    "regulars": (402, 0.214, 61, 44), "at_risk": (311, 0.083, 22, 57), "promising": (244, 0.071, 18, 6),
    "recent": (219, 0.034, 12, 30), "occasional": (262, 0.030, 25, 9), "dormant": (326, 0.021, 40, 22),
}  # fmt: skip

RULES = (
    ("champions", "high", "high", "high"), ("loyal", "high", "high", "low, mid"), ("cannot_lose", "low",
    "high", "high"),
    ("regulars", "mid", "mid, high", "any"), ("at_risk", "low", "mid", "any"),
    ("at_risk", "low", "high", "low, mid"), ("promising", "high", "mid", "any"), ("recent", "high", "low", "any"),
    ("occasional", "mid", "low", "any"), ("dormant", "low", "low", "any"),
)  # fmt: skip


def months(scale: float = 1.0) -> pd.DataFrame:
    frame = pd.DataFrame(PANEL, columns=["revenue", "n_orders", "n_customers", "n_trading_days"])
    frame["revenue"] *= scale
    frame.insert(0, "month", [f"2017-{i:02d}" for i in range(1, 13)])
    frame["n_days"] = [pd.Period(m).days_in_month for m in frame["month"]]
    frame["is_complete"] = True
    frame["refunds"] = 0.0
    frame["revenue_per_trading_day"] = frame["revenue"] / frame["n_trading_days"]
    frame["revenue_per_order"] = frame["revenue"] / frame["n_orders"]
    return frame


def segments(n: int = 9, scale: float = 1.0, rename: Callable[[str], str] = str) -> pd.DataFrame:
    rows = []
    for i, (key, (people, share, joined, left)) in enumerate(list(SHARES.items())[:n]):
        if people is None:
            rows.append((rename(key), *[None] * 11))
            continue
        revenue = round(share * 4596e3 * scale)
        rows.append((rename(key), people, people / 2469, revenue, share, revenue / people, float(3 + i * 17),
                     90 - 10.5 * i, 12 + i, people, joined, left))  # fmt: skip
    columns = ["segment", "n_customers", "share_of_customers", "revenue_total", "share_of_revenue",
               "revenue_per_customer", "median_days_since_last_order", "median_n_orders", "n_overdue", "n_before",
               "joined", "left"]  # fmt: skip
    whole = ["n_customers", "n_overdue", "n_before", "joined", "left"]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(whole, "Int64"))


def run_info(**changes: Any) -> RunInfo:
    runs = tuple(
        NotebookRun(f"{stem}.ipynb", stem[3:], stem[3:].replace("_", " ").capitalize(), "ok", 9.4,
                    notebook_path=f"appendix/{stem}.ipynb", page_path=f"appendix/{stem}.html")
        for stem in NOTEBOOKS
    )  # fmt: skip
    fields: dict[str, Any] = {
        "study": "grocery", "study_name": "Grocery panel", "month": "2017-12", "as_of": AS_OF, "currency": "USD",
        "timezone": "America/New_York", "min_group_size": 10, "languages": ("en", "uk"), "notebooks": runs,
        "version": "0.1.0", "caveats": ({"en": CAVEAT, "uk": CAVEAT_UK},),
    }  # fmt: skip
    return RunInfo(**(fields | changes))


def _claim(key: str, text: str, values: dict[str, Any], **fields: Any) -> Claim:
    defaults: dict[str, Any] = {
        "kind": "count", "statistic": "quarantine", "value": values.get("n"), "unit": "rows", "n": values.get("n"),
        "source": "transactions", "as_of": AS_OF, "notebook": "",
        "method": "Counted while reading; rows read = used + set aside.",
    }  # fmt: skip
    return Claim(id=key, template=text, values=values, **(defaults | fields))


def claims(currency: str = "USD", scale: float = 1.0) -> list[Claim]:
    made = month_claims(months(scale), "2017-12", Terms(AS_OF, currency))
    slug = "rfm_and_lifecycle"
    later = {"notebook": "30_rfm_and_lifecycle.ipynb"}
    top = {"n": 44, "top": 494, "share_revenue": 0.546, "revenue": 193210.0 * scale, "currency": currency}
    made += [
        _claim("data.rows_read", "{n:count} {n:plural line|lines} read.", {"n": 1469307}),
        _claim("data.rows_used", "{n:count} {n:plural line|lines} used.", {"n": 1469139}),
        _claim("data.rows_set_aside", "{n:count} {n:plural line|lines} set aside.", {"n": 168}),
        _claim("data.control.revenue_2017_12",
               "Revenue of {month:month} agrees with the control total: {expected:money0}.",
               {"month": "2017-12", "expected": 421720 * scale, "currency": currency}, statistic="control_total",
               method="The total under [control] in study.toml against the rows used, by local month."),
        _claim("data.warning.no_last_year",
               "The data begin on {day:date}, so there is no {month:month} to compare with: season and growth "
               "cannot be told apart.",
               {"day": "2017-01-01", "month": "2016-12"}, statistic="revenue_change", method="Read off the data."),
        _claim(f"{slug}.finding",
               "{n:count} of the {top:count} customers who bring {share_revenue:percent} of revenue have been silent "
               "for longer than {share:percent} of their own gaps; their revenue so far is {revenue:money0}.",
               top | {"share": 0.95}, statistic="overdue",
               method="Highest revenue score, and silent for longer than the order statistic of their own gaps.",
               **later),
        _claim(f"{slug}.one_time", "{n:count} of {all:count} customers ({part:percent}) ordered once so far.",
               {"n": 44, "all": 2469, "part": 44 / 2469}, statistic="one_time", **later),
        _claim(f"{slug}.overdue_valuable",
               "Write to the {n:count} best customers who are overdue by their own rhythm, and keep a random part of "
               "them out, so that the effect can be judged. Their revenue so far is {revenue:money0}, which is "
               "not at stake as a whole.",
               top | {"share": 0.95}, kind="advice", status="advice", statistic="overdue",
               method="Rule: highest revenue score, at least five own gaps, and silent for longer than {share:percent} "
               "of them. What a letter adds is not known before it is tried, and with few people only a large effect "
               "would show.",
               rests_on=(f"{slug}.finding",), **later),
        _claim("cohorts.finding",
               "Within {days:count} days {share:percent} have ordered again ({low:percent} to {high:percent}).",
               {"days": 90, "share": 0.71, "low": 0.69, "high": 0.73}, kind="estimate", statistic="survival",
               value=0.71, unit="fraction", low=0.69, high=0.73, level=0.95, n=2469, method="",
               notebook="31_cohorts.ipynb"),
    ]  # fmt: skip
    return made


def build_month(
    folder: Path, *, n_segments: int = 9, scale: float = 1.0, currency: str = "USD",
    rename: Callable[[str], str] = str, extra: tuple[Claim, ...] = (),
) -> Path:  # fmt: skip
    """Write a month's tables and ledger below `folder`, as the notebooks and the runner leave them."""
    shown = segments(n_segments, scale, rename)
    rules = pd.DataFrame(RULES, columns=["segment", "r", "f", "m"])
    rules["segment"] = rules["segment"].map(rename)
    parts = (("primary", 0.62), ("lost", 0.38), ("potential", 0.0))
    rows = [(segment, state, 100, share) for segment in shown["segment"] for state, share in parts]
    mix = pd.DataFrame(rows, columns=["segment", "state", "n_customers", "share"])
    lifecycle = pd.DataFrame(
        {"state": ["primary", "lost", "potential"], "n_customers": [1961, 508, 0], "share": [0.794, 0.206, 0.0]}
    )
    cuts = pd.DataFrame(
        [("r", 1, 61.0, None), ("r", 2, 14.0, 60.0), ("f", 1, None, 18.0), ("f", 2, 19.0, None),
         ("m", 1, None, 402.17), ("m", 2, 402.18, None)],
        columns=["dimension", "score", "lower", "upper"],
    )  # fmt: skip
    tables = {
        "months": months(scale), "segments": shown, "segment_rules": rules, "lifecycle": lifecycle, "rfm_cuts": cuts,
        "lifecycle_by_segment": mix,
    }  # fmt: skip
    (folder / "tables").mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(folder / "tables" / f"{name}.parquet", index=False)
    write_claims(folder / "claims" / "made_up.json", [*claims(currency, scale), *extra])
    return folder


def write_manifest(folder: Path, **fields: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {"study": "grocery", "study_name": "Grocery panel", "month": folder.name[:7], "status": "complete"}
    (folder / "manifest.json").write_text(json.dumps(content | fields), encoding="utf-8")
