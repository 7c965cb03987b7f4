"""What was read and set aside, control totals, warnings."""

from __future__ import annotations

import pandas as pd

from recounts.books import Books
from recounts.claims import Found, Published, register


@register("data.rows_read")
def rows_read(books: Books, claim: Published) -> Found:
    n = len(books.rows)
    return Found(n, n, values={"n": n})


@register("data.rows_used")
def rows_used(books: Books, claim: Published) -> Found:
    n = int((books.rows["why"] == "").sum())
    return Found(n, n, values={"n": n})


@register("data.rows_set_aside")
def rows_set_aside(books: Books, claim: Published) -> Found:
    n = int((books.rows["why"] != "").sum())
    return Found(n, n, values={"n": n})


@register("data.rows_set_aside.*")
def rows_by_reason(books: Books, claim: Published) -> Found:
    table, rest = claim.last.split("_", 1)
    assert table in ("transactions", "customers"), "only these two have faults here"
    if table == "customers":
        _, frame = books._table("customers")
        n = int(frame["customer_id"].duplicated().sum())
        assert rest == "customer_id_repeated"
        return Found(n, n, values={"n": n, "table": "customers", "column": "customer_id"})
    rows = books.rows
    told = claim.values["column"]
    if rest.endswith("excluded"):
        n = int((rows["why"] == "excluded").sum())
    elif rest.endswith("guest"):
        n = int((rows["why"] == "guest").sum())
    else:
        broken = rows[rows["why"] == "broken"]
        raw = broken["ordered_at" if told == "ordered_at" else "revenue_raw"].str.strip()
        unreadable = broken["at"].isna() if told == "ordered_at" else broken["at"].notna() & broken["minor"].isna()
        empty = raw == ""
        n = int((unreadable & (empty if rest.endswith("missing") else ~empty)).sum())
    return Found(n, n, values={"n": n, "table": "transactions"})


@register("data.control.*")
def control(books: Books, claim: Published) -> Found:
    """Revenue by local month with that of guests; rows, orders and customers without them."""
    what, which = claim.last.split("_", 1)
    which = which.replace("_", "-")
    expected = float(books.study["control"][f"{what}.{which}"])
    if what == "rows":
        found = float((books.rows["why"] == "").sum())
    elif what == "revenue":
        rows = books.rows[books.rows["why"].isin(["", "guest"])]
        found = float(rows.loc[rows["at"].dt.strftime("%Y-%m") == which, "minor"].sum()) / 100
    else:
        orders = books.orders_until(books.all_used["day"].max())
        placed = orders[orders["counts"] & (orders["day"].dt.strftime("%Y-%m") == which)]
        found = float(len(placed) if what == "orders" else placed["customer"].nunique())
    unit = 1.0 if expected == round(expected) else 0.01
    agrees = abs(found - expected) <= unit / 2 + 1e-9
    values = {"expected": expected, "found": found, "difference": found - expected, "month": which, "table": which}
    says = ("not agree",) if not agrees else ("agrees",) if what != "rows" else ("as many rows",)
    near = {name: (1e-9, 1e-6) for name in ("value", "difference")}
    status = "measured" if agrees else "contradicted"
    return Found(found - expected, values=values, near=near, says=says, status=status)


@register("data.warning.caveat_*")
def caveat(books: Books, claim: Published) -> Found:
    text = books.study["study"]["caveats"][int(claim.last.removeprefix("caveat_")) - 1]
    return Found(values={"caveat": text}, status="typed")


@register("data.warning.history_cut_off")
def cut_off(books: Books, claim: Published) -> Found:
    assert books.first_orders == "cut off"
    return Found(status="typed")


@register("data.warning.no_last_year")
def no_last_year(books: Books, claim: Published) -> Found:
    last = pd.Period(books.as_of, "M") - 12
    first = books.all_used["day"].min()
    assert first > last.start_time
    return Found(values={"day": first, "month": str(last)})


@register("data.warning.guests")
def guests(books: Books, claim: Published) -> Found:
    rows = books.rows[books.rows["at"] < books.as_of + pd.Timedelta(days=1)]
    of_guests = rows[rows["why"] == "guest"]
    both = rows[rows["why"].isin(["", "guest"])]
    n = len(of_guests)
    return Found(n, n, values={"n": n, "share": of_guests["minor"].sum() / both["minor"].sum()})


@register("data.warning.coverage")
def coverage(books: Books, claim: Published) -> Found:
    """Of those with a line, how many have an entry in the column that is filled least."""
    net = books.lines.groupby("customer")["minor"].sum()
    told = books.people.reindex(net.index).drop(columns="customer_id").notna()
    column = told.sum().idxmin()
    n, described = len(net), int(told[column].sum())
    values = {
        "column": column, "described": described, "n": n, "share": described / n,
        "revenue": net[told[column]].sum() / net.sum(),
    }  # fmt: skip
    return Found(described / n, n, values=values)


@register("data.warning.money_set_aside")
def money_set_aside(books: Books, claim: Published) -> Found:
    """Amounts of the faulty rows, those that cannot be read by their digits, against all that was sold."""
    faulty = books.rows[books.rows["why"] == "broken"]
    cents = faulty["minor"].abs()
    for row, text in faulty.loc[cents.isna(), "revenue_raw"].items():
        digits = "".join(sign for sign in text if sign.isdigit())
        decimals = len(text.strip()) - max(text.rfind("."), text.rfind(",")) - 1 if {".", ","} & set(text) else 0
        cents[row] = float(digits) / 10**decimals * 100 if digits else 0.0
    kept = books.rows[books.rows["why"].isin(["", "broken"])]
    sold = kept["minor"].fillna(cents).clip(lower=0).sum()
    n, lost = len(faulty), cents.sum()
    return Found(n, n, values={"n": n, "money": lost / 100, "share": lost / sold})


@register("data.warning.no_refunds")
def no_refunds(books: Books, claim: Published) -> Found:
    assert not (books.lines["minor"] < 0).any()
    n = int(books.orders["counts"].sum())
    months = len(pd.period_range(books.all_used["day"].min(), books.as_of, freq="M"))
    return Found(n, n, values={"n": n, "months": months})


@register("data.warning.refund_lines")
def refund_lines(books: Books, claim: Published) -> Found:
    n = int((books.lines["minor"] < 0).sum())
    return Found(n, n, values={"n": n})
