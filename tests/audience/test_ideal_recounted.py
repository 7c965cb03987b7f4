"""The ideal customers of the two bundled studies, recounted from their raw files by plain pandas."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from custaudience import open_study
from custaudience.audience import distinctive_traits, ideal_rules
from custaudience.audience.ideal.claims import ideal_claims
from custaudience.audience.ideal.tables import cut_off_table, part_table, value_table
from custaudience.customers import customer_features
from custaudience.customers.drivers.names import key_of
from custaudience.customers.drivers.study import discount_column
from custaudience.customers.segments.rules import _split
from custaudience.evidence import Terms
from custaudience.recipes import first_orders_at, ideal_customers_at, ideal_later_at

DATA = Path(__file__).parents[2] / "data"
DATES = {
    "grocery": (dt.date(2017, 12, 31), dt.date(2017, 9, 30)),
    "shop": (dt.date(2025, 10, 31), dt.date(2025, 7, 31)),
}
SIZE = {"grocery": (2469, 235), "shop": (3835, 105)}


def raw_grocery() -> pd.DataFrame:
    lines = pd.read_parquet(DATA / "grocery" / "transactions.parquet")
    products = pd.read_parquet(DATA / "grocery" / "products.parquet").astype({"product_id": str})
    stamp = lines["transaction_timestamp"]
    stamp = stamp if stamp.dt.tz is not None else stamp.dt.tz_localize("UTC")
    return pd.DataFrame(
        {
            "who": lines["household_id"].astype(str),
            "order": lines["basket_id"].astype(str),
            "at": stamp.dt.tz_convert("America/New_York").dt.tz_localize(None),
            "cents": (lines["sales_value"] * 100).round().astype("int64"),
            "category": lines["product_id"].astype(str).map(products.set_index("product_id")["product_category"]),
        }
    )


def raw_shop() -> pd.DataFrame:
    read = {"sep": ";", "encoding": "cp1251", "dtype": str, "keep_default_na": False}
    lines = pd.read_csv(DATA / "shop" / "orders.csv", **read)
    products = pd.read_csv(DATA / "shop" / "products.csv", **read).set_index("Артикул")["Категорія"]
    at = pd.to_datetime(lines["Дата"], format="%d.%m.%Y %H:%M", errors="coerce")
    amount = pd.to_numeric(lines["Сума, грн"].str.replace("\u00a0", "").str.replace(",", "."), errors="coerce")
    kept = at.notna() & amount.notna() & ~lines["Статус"].str.lower().isin(["скасовано", "тест"])
    kept &= ~lines["Клієнт"].isin(["", "Гість"])
    frame = pd.DataFrame({"who": lines["Клієнт"], "order": lines["Номер замовлення"], "at": at})
    frame["cents"] = (amount * 100).round()
    frame["category"] = lines["Артикул"].map(products)
    return frame[kept].astype({"cents": "int64"})


def attributes(name: str) -> pd.DataFrame:
    if name == "grocery":
        table = pd.read_parquet(DATA / "grocery" / "demographics.parquet")
        return table.set_index(table.pop("household_id").astype(str)).astype(object)
    read = {"sep": ";", "encoding": "cp1251", "dtype": str, "keep_default_na": False}
    table = pd.read_csv(DATA / "shop" / "customers.csv", **read).drop_duplicates()
    table = table.set_index(table.pop("Код клієнта")).replace("", None).rename(columns={"Згода на розсилку": "consent"})
    return table.assign(**{c: pd.to_numeric(table[c]) for c in ("Вік", "Розмір взуття")})


class Counted:
    """What a study's raw files say of a day."""

    def __init__(self, lines: pd.DataFrame, as_of: dt.date) -> None:
        lines = lines[lines["at"] < pd.Timestamp(as_of) + pd.Timedelta(days=1)]
        net = lines.groupby(["who", "order"]).agg(at=("at", "min"), cents=("cents", "sum")).reset_index()
        self.orders = net[net["cents"] > 0].assign(day=lambda t: t["at"].dt.normalize())
        self.lines = lines.merge(self.orders[["who", "order"]], on=["who", "order"])
        self.as_of = pd.Timestamp(as_of)
        of = self.orders.groupby("who")
        table = pd.DataFrame({"n_orders": of.size(), "first": of["day"].min(), "last": of["day"].max()})
        table["revenue"] = net.groupby("who")["cents"].sum().reindex(table.index) / 100
        table["span"] = (table["last"] - table["first"]).dt.days
        self.table = table.sort_index()
        days = self.orders[["who", "day"]].drop_duplicates().sort_values(["who", "day"])
        self.gaps = days.assign(gap=days.groupby("who")["day"].diff().dt.days).dropna()

    def overdue(self, share: float) -> pd.Series:
        """Who is silent for longer than the order statistic of the own gaps, or of everybody's with fewer than five."""
        weight = 1 / self.gaps.groupby("who")["gap"].transform("size")
        by_length = weight.groupby(self.gaps["gap"]).sum().sort_index()
        reached = by_length.cumsum() / by_length.sum() >= share - 1e-9
        pooled = reached[reached].index[0]

        def after(gaps: pd.Series) -> float:
            return sorted(gaps)[math.ceil(round(share * len(gaps), 9)) - 1]

        many = self.gaps.groupby("who")["gap"].filter(lambda gaps: len(gaps) >= 5)
        own = self.gaps.loc[many.index].groupby("who")["gap"].apply(after)
        limit = own.reindex(self.table.index).fillna(pooled)
        return (self.as_of - self.table["last"]).dt.days > limit

    def engaged(self, name: str) -> pd.DataFrame | None:
        """Campaigns sent that are over or answered, and answers, by customer."""
        if name != "grocery":
            return None
        folder = DATA / "grocery"
        ends = pd.read_parquet(folder / "campaign_descriptions.parquet").set_index("campaign_id")
        ends = pd.to_datetime(ends["end_date"])
        sent = pd.read_parquet(folder / "campaigns.parquet").astype(str).drop_duplicates()
        answers = pd.read_parquet(folder / "coupon_redemptions.parquet")
        answers = answers[pd.to_datetime(answers["redemption_date"]) <= self.as_of]
        hits = set(zip(answers["household_id"].astype(str), answers["campaign_id"].astype(str), strict=True))
        sent["hit"] = [pair in hits for pair in zip(sent["household_id"], sent["campaign_id"], strict=True)]
        over = sent["campaign_id"].map({str(k): v for k, v in ends.items()}) <= self.as_of
        counts = sent[over | sent["hit"]].groupby("household_id")["hit"].agg(["size", "sum"])
        return counts.reindex(self.table.index).fillna(0)

    def ideal(self, name: str, **cut: Any) -> pd.Series:
        """Who is ideal; a part named in ``without`` is not asked."""
        cut = {"orders": 3, "span": 90, "top": 0.2, "overdue": 0.95, "responses": 1, "without": ""} | cut
        table = self.table
        rank = math.ceil(round(cut["top"] * len(table), 9))
        least = table["revenue"].sort_values(ascending=False).iloc[rank - 1]
        parts = {
            "loyal": (table["n_orders"] >= cut["orders"]) & (table["span"] >= cut["span"]),
            "valuable": table["revenue"] >= least,
            "current": ~self.overdue(cut["overdue"]),
        }
        if (answers := self.engaged(name)) is not None:
            parts["engaged"] = (answers["size"] == 0) | (answers["sum"] >= cut["responses"])
        chosen = pd.Series(True, index=table.index)
        for part, holds in parts.items():
            chosen &= holds if part != cut["without"] else True
        return chosen


@pytest.fixture(scope="module", params=["grocery", "shop"])
def both(request: pytest.FixtureRequest) -> dict[str, Any]:
    name = request.param
    as_of, earlier = DATES[name]
    study = open_study(DATA / name)
    lines = study.table("transactions")
    observed = study.first_orders == "observed"
    features = customer_features(
        lines, study.table("customers"), study.table("products"), terms=Terms(as_of, minor_digits=study.minor_digits),
        discount=discount_column(lines),
    )  # fmt: skip
    ideal = ideal_customers_at(study, as_of)
    early = first_orders_at(study, as_of)
    traits = distinctive_traits(features, ideal.is_ideal, made_from=ideal.made_from, first_orders_observed=observed)
    rules = ideal_rules(features, ideal.is_ideal, early, first_orders_observed=observed)
    claims = ideal_claims(
        ideal, features=features, traits=traits, rules=rules, early=early, later=ideal_later_at(study, ideal, earlier),
        currency=study.currency, min_group_size=10, source="", notebook="40_ideal_customer.ipynb",
    )  # fmt: skip
    raw = raw_grocery() if name == "grocery" else raw_shop()
    now = Counted(raw, as_of)
    return {
        "name": name, "ideal": ideal, "traits": traits, "rules": rules, "features": features, "early": early,
        "claims": {claim.id.split(".", 1)[1]: claim for claim in claims}, "now": now, "then": Counted(raw, earlier),
        "chosen": now.ideal(name), "raw": raw,
    }  # fmt: skip


def share(table: pd.DataFrame, chosen: pd.Series) -> float:
    return float(table.loc[chosen, "revenue"].sum() / table["revenue"].sum())


def test_who_is_ideal_and_what_they_bring(both) -> None:
    now, chosen, ideal, claims = (both[key] for key in ("now", "chosen", "ideal", "claims"))
    assert (len(chosen), int(chosen.sum())) == SIZE[both["name"]]
    pd.testing.assert_series_equal(ideal.is_ideal, chosen, check_names=False, check_index_type=False)
    finding = claims["finding"]
    assert (finding.values["n"], finding.values["all"]) == (chosen.sum(), len(chosen))
    assert finding.value == pytest.approx(share(now.table, chosen))
    revenue, inside = now.table["revenue"].to_numpy(), chosen.to_numpy()
    rng = np.random.default_rng(0)  # the interval, by resampling customers
    draws = []
    for _ in range(2000):
        drawn = rng.integers(0, len(revenue), len(revenue))
        draws.append(revenue[drawn][inside[drawn]].sum() / revenue[drawn].sum())
    assert (finding.low, finding.high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.012)
    value = value_table(ideal).set_index("group")
    assert value.loc["ideal", "revenue"] == pytest.approx(now.table.loc[chosen, "revenue"].sum())
    assert value.loc["ideal", "orders_per_customer"] == pytest.approx(now.table.loc[chosen, "n_orders"].mean())
    assert value.loc["rest", "revenue_per_customer"] == pytest.approx(now.table.loc[~chosen, "revenue"].mean())
    least = now.table["revenue"].sort_values(ascending=False).iloc[math.ceil(0.2 * len(chosen)) - 1]
    assert claims["asked.valuable"].values["least"] == pytest.approx(least)
    parts = part_table(ideal).set_index("part")
    loyal = (now.table["n_orders"] >= 3) & (now.table["span"] >= 90)
    assert parts.loc["loyal", "n_yes"] == claims["asked.loyal"].value == loyal.sum()
    assert parts.loc["current", "n_no"] == now.overdue(0.95).sum()
    if (answers := now.engaged(both["name"])) is not None:
        assert parts.loc["engaged"].tolist()[1:4] == [
            (answers["sum"] >= 1).sum(), ((answers["size"] > 0) & (answers["sum"] == 0)).sum(),
            (answers["size"] == 0).sum(),
        ]  # fmt: skip
        unknown = int(((answers["size"] == 0) & chosen).sum())
        assert claims["not_known.engaged"].value == unknown == ideal.n_ideal - ideal.n_confirmed


def test_every_cut_off_moved_recounts(both) -> None:
    now, chosen, name = both["now"], both["chosen"], both["name"]
    names = {
        "min_orders": "orders", "min_span_days": "span", "top_share": "top", "overdue_share": "overdue",
        "min_responses": "responses",
    }  # fmt: skip
    table = cut_off_table(both["ideal"])
    moved = table[table["direction"] != "as set"]
    assert len(moved) == (13 if name == "grocery" else 11)
    counts = []
    for row in moved.to_dict("records"):
        left_out = row["direction"] == "left out"
        cut = {"without": row["cut_off"]} if left_out else {names[row["cut_off"]]: row["value"]}
        other = now.ideal(name, **cut)
        assert row["n_customers"] == other.sum(), row
        assert row["n_kept"] == (other & chosen).sum()
        assert row["share_of_revenue"] == pytest.approx(share(now.table, other))
        assert row["overlap"] == pytest.approx((other & chosen).sum() / (other | chosen).sum())
        counts += [] if left_out else [int(other.sum())]
    claim = both["claims"]["sensitivity"]
    assert (claim.values["from"], claim.values["to"], claim.values["n"]) == (min(counts), max(counts), chosen.sum())
    if name == "grocery":
        without = now.ideal(name, without="engaged")
        assert both["claims"]["without.engaged"].value == without.sum() == 452
        assert both["claims"]["without.engaged"].values["share"] == pytest.approx(share(now.table, without))


def test_what_they_did_since_recounts(both) -> None:
    then, now, claims = both["then"], both["now"], both["claims"]
    before = then.ideal(both["name"])
    since = now.table["revenue"].reindex(then.table.index).fillna(0) - then.table["revenue"]
    later, still = claims["later"], claims["still"]
    assert later.value == pytest.approx(since[before].sum() / since.sum())
    assert later.values["until"] == pytest.approx(share(then.table, before))
    stayed = int((before & both["chosen"].reindex(before.index).fillna(False)).sum())
    assert (still.values["n"], still.value) == (before.sum(), pytest.approx(stayed / before.sum()))
    assert (still.low, still.high) == pytest.approx(proportion_confint(stayed, before.sum(), method="wilson"))


def test_every_trait_recounts(both) -> None:
    """Every figure of every trait that is shown: means and shares, their ratio, and whether chance explains it."""
    now, chosen, people = both["now"], both["chosen"], attributes(both["name"]).reindex(both["chosen"].index)
    known = {name: people[name] for name in people}
    orders = now.orders
    known["evening_share"] = (orders["at"].dt.hour >= 18).groupby(orders["who"]).mean()
    known["weekend_share"] = (orders["at"].dt.day_of_week >= 5).groupby(orders["who"]).mean()
    sold = now.lines[now.lines["cents"] > 0]
    total = sold.groupby("who")["cents"].sum()
    for category, part in sold.groupby("category"):
        by = part.groupby("who")["cents"].sum().reindex(chosen.index).fillna(0)
        known[f"category_share: {category}"] = by / total
    shown = 0
    for row in both["traits"].table.dropna(subset="value").to_dict("records"):
        if row["feature"] not in known:
            continue
        values = known[row["feature"]].reindex(chosen.index)
        if row["statistic"] == "share":
            wanted = row["category"] or "так"
            values = (values == wanted).astype(float).where(values.notna())
        a, b = values[chosen].dropna(), values[~chosen].dropna()
        assert (row["n"], row["n_others"]) == (len(a), len(b)), row["feature"]
        assert (row["value"], row["value_others"]) == pytest.approx((a.mean(), b.mean())), row["feature"]
        if a.mean() > 0 and b.mean() > 0:
            assert row["ratio"] == pytest.approx(a.mean() / b.mean())
        if row["statistic"] == "share":
            limits = confint_proportions_2indep(a.sum(), len(a), b.sum(), len(b), method="newcomb", compare="diff")
            assert (row["low"], row["high"]) == pytest.approx(limits)
        claim = both["claims"].get(f"trait.{key_of(row['feature'])}")
        if claim is not None and claim.values.get("level", "") == row["category"]:
            shown += 1
            assert claim.value == pytest.approx(a.mean() / b.mean())
            assert (claim.values["value"], claim.values["others"]) == pytest.approx((a.mean(), b.mean()))
    assert shown == sum(key.startswith("trait.") for key in both["claims"])
    summary = both["claims"]["traits"]
    status = both["traits"].table["status"]
    assert summary.value == (status == "measured").sum()
    assert summary.values["n"] + summary.values["few"] == len(status)


def test_of_whom_attributes_are_known_recounts(both) -> None:
    partly = {"grocery": ["age", "income"], "shop": ["Вік", "Населений пункт", "Домогосподарство"]}[both["name"]]
    chosen = both["chosen"]
    known = attributes(both["name"])[partly].reindex(chosen.index).notna().any(axis=1)
    claim = both["claims"]["known"]
    assert (claim.values["n"], claim.values["all"]) == (known.sum(), len(known))
    assert claim.values["ideal"] == pytest.approx(known[chosen].mean())
    assert claim.values["rest"] == pytest.approx(known[~chosen].mean())
    assert claim.value == pytest.approx(chosen[known].mean() - chosen[~known].mean())


def test_every_rule_recounts_on_the_customers_kept_aside(both) -> None:
    """The division into kept aside and not is the package's; conditions and figures are counted anew."""
    now, chosen = both["now"], both["chosen"]
    orders = now.orders.sort_values("at")
    first = orders[orders.groupby("who")["at"].rank(method="dense") <= 3]
    enough = first.groupby("who")["at"].nunique() >= 3
    early = pd.DataFrame({"n": first.groupby("who").size()})[enough]
    sold = now.lines[now.lines["cents"] > 0].merge(first[["who", "order"]], on=["who", "order"])
    net = now.lines.merge(first[["who", "order"]], on=["who", "order"]).groupby("who")["cents"].sum()
    early["revenue_per_order"] = net / 100 / early["n"]
    days = first[["who", "day"]].drop_duplicates().sort_values(["who", "day"])
    gap = days.groupby("who")["day"].diff().dt.days
    early["usual_gap_days"] = gap.groupby(days["who"]).median()
    early["n_categories"] = sold.groupby("who")["category"].nunique()
    plumbing = sold[sold["category"] == "Сантехніка"].groupby("who")["cents"].sum()
    early["category_share: Сантехніка"] = plumbing.reindex(early.index).fillna(0) / sold.groupby("who")["cents"].sum()
    judged = 0
    for rule in both["rules"]:
        if not rule.conditions:
            continue
        table = both["early"].table if rule.view == "early" else both["features"].table
        table = table.set_index("customer_id")
        base = table.index[table[list(rule.features)].notna().all(axis=1)]
        kept = base[_split((~chosen[base]).to_numpy().astype(int), 0.4, np.random.default_rng(0))[1]]
        mine = early if rule.view == "early" else attributes(both["name"])
        holds = pd.Series(False, index=kept)
        for tests in rule.conditions:
            all_hold = pd.Series(True, index=kept)
            for test in tests:
                source = mine[test.feature] if test.feature in mine else table[test.feature]
                values = source.reindex(kept)
                if test.feature in rule.levels:
                    values = values.map({level: i for i, level in enumerate(rule.levels[test.feature])})
                if test.test in ("is", "is not"):
                    all_hold &= (values == test.value) == (test.test == "is")
                else:
                    all_hold &= (values <= test.value) == (test.test == "at most")
            holds |= all_hold
        right = int((holds & chosen[kept]).sum())
        assert (rule.n_hold_out, rule.n_said, rule.n_right) == (len(kept), holds.sum(), right), rule.view
        assert rule.base_rate == pytest.approx(chosen[kept].mean())
        claim = both["claims"][f"rule.{rule.view}"]
        assert claim.value == pytest.approx(right / holds.sum())
        assert (claim.low, claim.high) == pytest.approx(proportion_confint(right, holds.sum(), method="wilson"))
        better = confint_proportions_2indep(
            right, holds.sum(), chosen[kept].sum() - right, len(kept) - holds.sum(), method="newcomb", compare="diff"
        )[0]
        assert (claim.status == "measured") == (better > 0)
        judged += 1
    assert judged >= 2
