"""The raw files of a study, read with pandas as study.toml says, and the few reductions that most recounts need."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

LEAST = 10
"""Smallest group of people that may be shown."""


def once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what a function of the books found, by its further arguments."""

    @functools.wraps(function)
    def kept(books: Books, *arguments: Any) -> Any:
        key = (function.__module__, function.__name__, *arguments)
        if key not in books.kept:
            books.kept[key] = function(books, *arguments)
        return books.kept[key]

    return kept


class Books:
    """A study's raw files up to a date; money in whole cents.

    Attributes
    ----------
    study : dict
        study.toml.
    as_of : Timestamp
        Last day that counts.
    """

    def __init__(self, folder: Path, as_of: pd.Timestamp, tables: Path) -> None:
        self.folder, self.as_of, self.tables = folder, as_of, tables
        self.kept: dict[Any, Any] = {}
        self.study = tomllib.loads((folder / "study.toml").read_text(encoding="utf-8"))
        self.currency = self.study["study"]["currency"]
        self.first_orders = self.study["study"]["first_orders"]

    def published(self, name: str) -> pd.DataFrame:
        """Return a published table of the run: only for what chance chose, such as labels of a clustering."""
        return pd.read_parquet(self.tables / f"{name}.parquet")

    def _table(self, name: str) -> tuple[dict[str, Any], pd.DataFrame]:
        """Return a table's description and all its cells, columns renamed as the study says."""
        said = self.study["tables"][name]
        path = self.folder / said["path"]
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
        else:
            frame = pd.read_csv(
                path, sep=said.get("separator", ","), encoding=said.get("encoding", "utf-8"), dtype=str,
                keep_default_na=False,
            )  # fmt: skip
        return said, frame.rename(columns={theirs: ours for ours, theirs in said["columns"].items()})

    @cached_property
    def rows(self) -> pd.DataFrame:
        """All order lines as they lie in the file, with ``why``: "" where used, else why not."""
        said, frame = self._table("transactions")
        local = self.study["study"]["timezone"]
        if frame["ordered_at"].dtype.kind == "M":
            when = frame["ordered_at"].dt.tz_localize(said.get("timezone", local))
            frame["at"] = when.dt.tz_convert(local).dt.tz_localize(None)
            frame["minor"] = (frame["revenue"] * 100).round().astype("int64")
        else:
            frame["at"] = pd.to_datetime(frame["ordered_at"], format=said["date_format"], errors="coerce")
            frame["revenue_raw"] = frame["revenue"]
            for name in {"revenue", "quantity", "unit_price", "discount"} & set(frame):
                frame[name] = number(frame[name], said)
            frame["minor"] = (frame["revenue"] * 100).round()
        frame = frame.rename(columns={"customer_id": "customer", "order_id": "order", "product_id": "product"})
        why = pd.Series("", index=frame.index)
        why[frame["at"].isna() | frame["minor"].isna()] = "broken"
        guest_ids = ["", *said.get("guest_ids", [])]
        guests = frame["customer"].isin(guest_ids) if frame["customer"].dtype != "int64" else False
        why[(why == "") & guests] = "guest" if said.get("guests") == "set aside" else "broken"
        for column, values in said.get("exclude", {}).items():
            why[frame[column].str.lower().isin([v.lower() for v in values])] = "excluded"
        return frame.assign(why=why)

    @cached_property
    def all_used(self) -> pd.DataFrame:
        """The order lines that are used, later ones too."""
        used = self.rows[self.rows["why"] == ""]
        return used.assign(minor=used["minor"].astype("int64"), day=used["at"].dt.normalize())

    @cached_property
    def lines(self) -> pd.DataFrame:
        """The order lines used, up to the date."""
        return self.lines_until(self.as_of)

    @once
    def lines_until(self, day: pd.Timestamp) -> pd.DataFrame:
        """The order lines used, up to a day."""
        return self.all_used[self.all_used["day"] <= day]

    @once
    def orders_until(self, day: pd.Timestamp) -> pd.DataFrame:
        """Orders netted from the lines up to a day, refund-only ones too: ``minor``, ``at``, ``day``, ``counts``."""
        grouped = self.lines_until(day).groupby(["customer", "order"], sort=True)
        orders = grouped.agg(minor=("minor", "sum"), at=("at", "min"), n_lines=("minor", "size")).reset_index()
        return orders.assign(day=orders["at"].dt.normalize(), counts=orders["minor"] > 0)

    @cached_property
    def netted(self) -> pd.DataFrame:
        """All orders up to the date, refund-only ones too."""
        return self.orders_until(self.as_of)

    @cached_property
    def orders(self) -> pd.DataFrame:
        """The orders that count: net revenue above zero."""
        return self.netted[self.netted["counts"]]

    @cached_property
    def customers(self) -> pd.DataFrame:
        """One row per customer with a line up to the date, by id."""
        return self.customers_at(self.as_of)

    @once
    def customers_at(self, day: pd.Timestamp) -> pd.DataFrame:
        """Per customer with a line: ``minor`` (all that was booked), ``n_orders``, ``first``, ``last``, ``silent``."""
        netted = self.orders_until(day)
        counted = netted[netted["counts"]].groupby("customer")
        table = pd.DataFrame({"minor": netted.groupby("customer")["minor"].sum()})
        table["n_orders"] = counted.size().reindex(table.index, fill_value=0)
        table["first"], table["last"] = counted["day"].min(), counted["day"].max()
        table["silent"] = (day - table["last"]).dt.days
        return table

    @cached_property
    def products(self) -> pd.DataFrame:
        """The products by id, with ``category`` (missing where the file has none)."""
        _, frame = self._table("products")
        frame["product"] = frame["product_id"]
        frame["category"] = frame["category"].replace("", np.nan)
        return frame.drop_duplicates("product").set_index("product")

    @cached_property
    def people(self) -> pd.DataFrame:
        """What the customers table says, by id; repeated rows once, empty cells missing."""
        _, frame = self._table("customers")
        frame["customer"] = frame["customer_id"]
        return frame.drop_duplicates("customer").replace("", np.nan).set_index("customer")

    def other(self, name: str) -> pd.DataFrame:
        """Any other table, columns named as the study says."""
        return self._table(name)[1]


def number(column: pd.Series, said: dict[str, Any]) -> pd.Series:
    """Read numbers as the study says they are written; what cannot be read is missing."""
    text = column.str.replace("\u00a0", "").str.replace(said.get("thousands", " "), "")
    return pd.to_numeric(text.str.replace(said.get("decimal", "."), "."), errors="coerce")


def month_of(day: pd.Timestamp) -> pd.Period:
    """The calendar month of a day."""
    return pd.Period(day, "M")
