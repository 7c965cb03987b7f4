"""Which differences go with what customers do (issue 4, Build 4; METHODS 6)."""

import datetime as dt
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, f_oneway, kruskal, mannwhitneyu, ncf, ncx2, spearmanr
from synthetic import make_shop

from custaudience.customers import DriverTests, driver_study, find_drivers
from custaudience.customers.cohorts.cohorts import time_to_second_order
from custaudience.customers.drivers.drivers import COLUMNS
from custaudience.customers.drivers.effects import (
    PENALTY,
    area_under_curve,
    cramers_v,
    cross_validated_gain,
    epsilon_squared,
    level_basis,
    partial_share,
    permutation_p,
    rank_correlation,
    unit_columns,
)
from custaudience.customers.features.features import customer_features
from custaudience.errors import ColumnError, DataError, EmptyTableError, HistoryError
from custaudience.evidence import Terms
from custaudience.recipes import drivers_at
from custaudience.study.orders import orders_of
from custaudience.study.study import open_study

DATA = Path(__file__).parents[2] / "data"
AS_OF = dt.date(2025, 10, 31)
USELESS = {"Улюблений колір", "Розмір взуття", "Поштова скринька"}


def ids(n):
    return [f"{i:06}" for i in range(n)]


def people(n, **columns):
    return pd.DataFrame({"customer_id": ids(n), **columns})


def find(features, outcomes, *, seed=0, stages=None):
    return find_drivers(features, outcomes, Terms(AS_OF, seed=seed), stages=stages)


def study_of(transactions, customers=None, products=None, *, cut, as_of, **options):
    until = cut - dt.timedelta(days=1)
    features = customer_features(transactions, customers, products, terms=Terms(as_of), until=until, n_categories=2)
    return driver_study(transactions, features, products, Terms(as_of), **options)


def test_cramers_v_by_hand():
    """Bergsma (2013): 2 x 2 with 30, 10, 10, 30: chi2 = 20, phi2 = .25 - 1/79, r~ = 2 - 1/79."""
    estimate, low, high = cramers_v(np.array([[30, 10], [10, 30]]))
    assert estimate == pytest.approx(np.sqrt((0.25 - 1 / 79) / (1 - 1 / 79)), abs=1e-12)
    assert ncx2.cdf(20, 1, 80 * low**2) == pytest.approx(0.975, abs=1e-5)
    assert ncx2.cdf(20, 1, 80 * high**2) == pytest.approx(0.025, abs=1e-5)
    assert cramers_v(np.array([[20, 20], [20, 20]]))[0] == 0
    assert cramers_v(np.diag([20, 20, 20]))[0] == pytest.approx(1)


def test_epsilon_squared_is_that_of_kruskal_and_wallis():
    rng = np.random.default_rng(3)
    y, groups = np.round(rng.exponential(size=200), 1), rng.integers(0, 4, 200)
    y[groups == 1] += 0.5
    h = kruskal(*(pd.Series(y).rank()[groups == g] for g in range(4))).statistic
    tied = 1 - (np.unique(y, return_counts=True)[1] ** 3 - np.unique(y, return_counts=True)[1]).sum() / (200**3 - 200)
    estimate, low, high = epsilon_squared(y, groups)
    assert estimate == pytest.approx((h - 3) / 196, abs=1e-9) and 0 < tied < 1  # scipy's H is corrected for ties
    f = f_oneway(*(pd.Series(y).rank()[groups == g] for g in range(4))).statistic
    assert ncf.cdf(f, 3, 196, 200 * low / (1 - low)) == pytest.approx(0.975, abs=1e-4)
    assert low < estimate < high


def test_auc_is_mann_whitney_with_the_delong_variance():
    """Four and three by hand: of 12 pairs 8 are won and 1 is tied."""
    values, yes = np.array([1, 3, 5, 7, 2, 3, 4.0]), np.array([1, 1, 1, 1, 0, 0, 0], dtype=bool)
    estimate, low, high = area_under_curve(values, yes)
    u = mannwhitneyu(values[yes], values[~yes]).statistic
    assert estimate == pytest.approx(u / 12) and low < estimate < high
    placed = [[(a > b) + 0.5 * (a == b) for b in values[~yes]] for a in values[yes]]
    variance = np.var(np.mean(placed, axis=1), ddof=1) / 4 + np.var(np.mean(placed, axis=0), ddof=1) / 3
    half = 1.959964 * np.sqrt(variance) / (estimate * (1 - estimate))
    assert low == pytest.approx(1 / (1 + np.exp(half) * (1 - estimate) / estimate), abs=1e-6)


def test_rank_correlation_is_spearmans():
    rng = np.random.default_rng(4)
    x = rng.normal(size=80)
    y = np.round(x + rng.normal(size=80))
    estimate, low, high = rank_correlation(x, y)
    assert estimate == pytest.approx(spearmanr(x, y).statistic)
    assert low < estimate < high
    assert rank_correlation(x, np.ones(80)) == (0.0, 0.0, 0.0)
    assert rank_correlation(x, x) == pytest.approx((1, 1, 1))


def test_permutation_statistic_is_chi_squared_and_every_permutation_counts():
    """On n = 6 all 720 orders are equally likely: 2 of 20 splits match, so p is near 0.1."""
    codes, y = np.array([0, 0, 0, 1, 1, 1]), np.array([[0.0, 0, 0, 1, 1, 1]]).T
    r2, p, done = permutation_p([level_basis(codes, 2)], y, rng=np.random.default_rng(0), least=4000, most=4000)
    chi2 = chi2_contingency([[3, 0], [0, 3]], correction=False).statistic
    assert r2[0, 0] == pytest.approx(chi2 / 6)
    assert p[0, 0] == pytest.approx(0.1, abs=0.015) and done[0, 0] == 4000


def test_a_small_p_value_gets_more_permutations():
    rng = np.random.default_rng(1)
    x, noise = rng.normal(size=100), rng.normal(size=100)
    y = (x + 0.3 * rng.normal(size=100))[:, None]
    blocks = [unit_columns(x)[:, None], unit_columns(noise)[:, None]]
    _, p, done = permutation_p(blocks, y, rng=rng, least=200, most=5000)
    assert done.ravel().tolist() == [5000, 200]
    assert p[0, 0] == 1 / 5001 and p[1, 0] > 0.05


def test_gain_is_that_of_a_plain_ridge_regression():
    from sklearn.linear_model import Ridge

    rng = np.random.default_rng(5)
    x = rng.normal(size=(120, 3))
    y = (x[:, [0]] + 0.5 * x[:, [1]] + rng.normal(size=(120, 1))) * 2
    alone, added = cross_validated_gain([x[:, :1], x[:, 1:]], [0, 1], y, rng=np.random.default_rng(9), n_repeats=1)
    standard = (x - x.mean(axis=0)) / x.std(axis=0)
    fold = np.random.default_rng(9).permutation(np.arange(120) % 5)
    lost = {columns: 0.0 for columns in ((), (0,), (0, 1, 2))}
    for k in range(5):
        train, test = fold != k, fold == k
        for columns in lost:
            fitted = np.full(test.sum(), y[train].mean())
            if columns:
                model = Ridge(alpha=PENALTY).fit(standard[train][:, columns], y[train, 0])
                fitted = model.predict(standard[test][:, columns])
            lost[columns] += ((y[test, 0] - fitted) ** 2).sum()
    assert alone[0, 0] == pytest.approx(1 - lost[0,] / lost[()])
    assert added[1, 0] == pytest.approx((lost[0,] - lost[0, 1, 2]) / lost[()])


def test_partial_share_is_an_analysis_of_covariance():
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(6)
    strata, x = rng.integers(0, 4, 150), rng.integers(0, 3, 150)
    y = strata + 0.6 * (x == 2) + rng.normal(size=150)
    frame = pd.DataFrame({"s": strata, "x": x, "y": y})
    with_, without = (smf.ols(f, frame).fit() for f in ("y ~ C(s) + C(x)", "y ~ C(s)"))
    _, p, slopes = partial_share(np.eye(3)[x], y, strata)
    assert p == pytest.approx(with_.compare_f_test(without)[1])
    assert slopes[2] - slopes[0] == pytest.approx(with_.params["C(x)[T.2]"])


@pytest.fixture(scope="module")
def found():
    """1,200 people: `kind` works, `shade` is a copy of it with errors, `noise` is none; `age` known for a third."""
    rng = np.random.default_rng(11)
    n = 1200
    kind = rng.choice(["x", "y", "z"], n)
    shade = np.where(rng.random(n) < 0.7, kind, rng.choice(["x", "y", "z"], n))
    bought = rng.random(n) < pd.Series(kind).map({"x": 0.2, "y": 0.4, "z": 0.65}).to_numpy()
    known = rng.random(n) < np.where(bought, 0.5, 0.2)
    features = people(
        n, kind=kind, shade=shade, noise=rng.normal(size=n), same=1, twin=pd.Categorical(kind),
        religion=rng.choice(["p", "q"], n), age=np.where(known, rng.integers(18, 80, n), np.nan),
        rare=["only one"] + ["others"] * (n - 1), nothing=np.nan,
    )  # fmt: skip
    spent = np.where(bought, np.exp(rng.normal(3, 1, n) + (kind == "z")), np.nan)
    return find(features, people(n, bought=bought, spent=spent), seed=1), n


def test_the_driver_is_found_and_the_rest_is_rejected_with_a_reason(found):
    result, n = found
    assert set(result.usable_for_segments) == {"kind"}
    why = result.rejected.set_index("variable")
    assert why.loc["shade", "reason"].startswith("goes with the outcome only as far as it goes with kind")
    assert why.loc["twin", "reason"].startswith("goes with the outcome only as far as it goes with kind")
    assert why.loc["noise", "verdict"] == "no_evidence" and "no more than chance" in why.loc["noise", "reason"]
    assert why.loc["same", "verdict"] == "too_little_data" and "same value for all" in why.loc["same", "reason"]
    assert why.loc["rare", "verdict"] == "too_little_data" and "fewer than two" in why.loc["rare", "reason"]
    assert why.loc["nothing", "verdict"] == "too_little_data"
    assert why.loc["religion", "verdict"] == "left_out" and "sensitive (religion)" in why.loc["religion", "reason"]
    assert "religion" not in set(result.table["variable"])
    assert result.n_customers == n


def test_the_table_is_described_and_agrees_with_itself(found):
    table = found[0].table
    assert table.columns.tolist() == COLUMNS
    tested = table.dropna(subset="p_value")
    assert ((tested["low"] <= tested["effect"]) & (tested["effect"] <= tested["high"])).all()
    assert tested["p_value"].between(1 / 100_001, 1).all() and (tested["n_permutations"] >= 2000).all()
    assert (tested["q_value"] >= tested["p_value"]).all()
    assert found[0].n_tested == len(tested)
    kinds = {("kind", "bought"): "cramers_v", ("kind", "spent"): "epsilon2"}
    kinds |= {("noise", "bought"): "auc", ("noise", "spent"): "spearman"}
    by = table.set_index(["variable", "outcome"])
    assert all(by.loc[pair, "measure"] == name for pair, name in kinds.items())
    assert not table["reason"].str.contains("cause|effect of|leads to|drives").any()


def test_levels_and_coverage_say_what_is_behind(found):
    result, n = found
    levels = result.levels.query("variable == 'kind' and outcome == 'bought'").set_index("level")
    assert levels["n"].sum() == n and levels.loc["z", "mean"] > 0.55 > 0.3 > levels.loc["x", "mean"]
    assert ((levels["low"] < levels["mean"]) & (levels["mean"] < levels["high"])).all()
    gap = result.coverage.query("variable == 'age' and outcome == 'bought'").iloc[0]
    assert gap["n_known"] + gap["n_unknown"] == n and gap["n_known"] / n == pytest.approx(0.33, abs=0.04)
    assert gap["mean_known"] - gap["mean_unknown"] == pytest.approx(gap["difference"]) and gap["low"] > 0.2


def test_fifths_do_not_show_the_extremes_of_single_customers():
    rng = np.random.default_rng(0)
    x = np.round(np.append(rng.exponential(10, 499), 9999.5), 1)
    result = find(people(500, x=x), people(500, y=x + rng.normal(size=500), z=x > 10))
    levels = result.levels.query("outcome == 'z'")
    cuts = [f"{c:.4g}" for c in np.quantile(x, [0.2, 0.4, 0.6, 0.8])]
    assert levels["level"].tolist() == [
        f"≤ {cuts[0]}", *(f"{a} – {b}" for a, b in pairwise(cuts)), f"> {cuts[3]}"
    ]  # fmt: skip
    assert levels["n"].sum() == 500 and levels["mean"].is_monotonic_increasing
    few = find(people(500, x=np.arange(500) % 3), people(500, y=np.arange(500) % 3))
    assert few.levels["level"].tolist() == ["0", "1", "2"] and few.levels["low"].isna().all()


def test_same_input_same_result_whatever_the_order_of_rows_and_unseen_customers():
    rng = np.random.default_rng(2)
    n = 300
    features = people(n, a=rng.normal(size=n), b=rng.choice(["x", "y"], n))
    outcomes = people(n, y=features["a"] + rng.normal(size=n))
    first = find(features, outcomes, seed=3)
    more = pd.concat([outcomes, pd.DataFrame({"customer_id": ["z"], "y": [9.0]})])
    again = find(features.sample(frac=1, random_state=1), more.iloc[::-1], seed=3)
    pd.testing.assert_frame_equal(first.table, again.table)
    assert first.usable_for_segments == ("a",)


def test_simpsons_paradox_is_told():
    """By itself `offer` lowers buying; within each kind of customer it raises it."""
    rng = np.random.default_rng(0)
    n = 2000
    loyal = rng.random(n) < 0.5
    offer = rng.random(n) < np.where(loyal, 0.15, 0.85)
    bought = rng.random(n) < np.where(loyal, 0.75, 0.15) + 0.12 * offer
    assert bought[offer].mean() < bought[~offer].mean()
    table = find(people(n, loyal=loyal, offer=offer), people(n, bought=bought)).table.set_index("variable")
    assert table.loc["offer", "given"] == "loyal" and table.loc["offer", "reversed"]
    assert "the other way" in table.loc["offer", "reason"]
    assert not table.loc["loyal", "reversed"]


def test_what_comes_later_is_no_excuse():
    """`channel` works through `visits`: held against it, it would vanish; as a later stage it is not."""
    rng = np.random.default_rng(0)
    n = 1500
    channel = rng.choice(["a", "b"], n)
    visits = rng.poisson(np.where(channel == "a", 1, 2))
    bought = rng.random(n) < 0.1 + 0.1 * np.minimum(visits, 5)
    features, outcomes = people(n, channel=channel, visits=visits), people(n, bought=bought)
    assert "channel" not in find(features, outcomes).usable_for_segments
    staged = find(features, outcomes, stages={"visits": 1})
    assert set(staged.usable_for_segments) == {"channel", "visits"}


def test_too_little_data_is_not_called_no_evidence():
    rng = np.random.default_rng(0)
    small, large = (people(n, x=rng.choice(["a", "b"], n)) for n in (60, 400))
    few = find(small, people(60, y=rng.normal(size=60)))
    assert few.table["verdict"].tolist() == ["too_little_data"]
    assert "easily missed" in few.table["reason"].iloc[0]
    assert find(large, people(400, y=rng.normal(size=400))).table["verdict"].tolist() == ["no_evidence"]


@pytest.mark.parametrize("n", [1, 15, 200])
def test_hard_columns_give_a_reason_and_no_crash(n):
    rng = np.random.default_rng(0)
    features = people(
        n, levels=[f"level {i % 10_000}" for i in range(n)], blank=pd.Series([None] * n, dtype="object"),
        endless=np.where(np.arange(n) % 2, np.inf, np.nan), flag=pd.array([True, False, None] * n, dtype="boolean")[:n],
    )  # fmt: skip
    outcomes = people(n, none=False, equal=3.0, some=rng.normal(size=n), empty=np.nan)
    table = find(features, outcomes).table.set_index(["variable", "outcome"])
    assert len(table) == 16 and (table["verdict"] != "influences").all() and (table["reason"] != "").all()
    assert (table.loc[["levels", "blank", "endless"], "verdict"] == "too_little_data").all()
    assert table.loc[("flag", "some"), "verdict"] == "too_little_data"


def test_ten_thousand_levels_of_few_customers_each():
    n = 30_000
    rng = np.random.default_rng(0)
    features = people(n, village=[f"village {i}" for i in rng.integers(0, 10_000, n)])
    result = find(features, people(n, y=rng.normal(size=n)))
    assert result.table["verdict"].tolist() == ["too_little_data"]
    assert result.n_customers == 10_000 and "10,000 of 30,000" in result.notes[0]


def test_refusals_say_what_to_do():
    with pytest.raises(EmptyTableError, match="Compare their customer_id"):
        find(people(3, a=1), people(3, b=1).assign(customer_id=["x", "y", "z"]))
    with pytest.raises(ColumnError, match="Did you mean"):
        find(people(3, a=1).rename(columns={"customer_id": "customerid"}), people(3, b=1))
    with pytest.raises(EmptyTableError, match="at least one variable"):
        find(people(3, religion=1), people(3, b=1))
    with pytest.raises(DataError, match="yes-no or numbers"):
        find(people(3, a=1), people(3, b=["x", "y", "z"]))


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path_factory.mktemp("cache")))
        study = open_study(DATA / "shop")
        yield [study.table(name) for name in ("transactions", "customers", "products")]


def test_planted_drivers_are_found_and_useless_ones_are_not(shop):
    """Of 1,603 customers seen for a year: who came a second time (README of data/shop; the truth of make_shop)."""
    features = customer_features(*shop, terms=Terms(AS_OF))
    kinds = features.dictionary.set_index("column")["kind"]
    start = [c for c, kind in kinds.items() if kind == "attribute" or c.startswith("first_")]
    second = time_to_second_order(orders_of(shop[0], as_of=AS_OF), as_of=AS_OF, first_orders="observed")
    second = second[second["first_order_on"] <= pd.Timestamp(AS_OF) - pd.Timedelta(days=365)]
    again = second["ordered_again"] & (second["days"] <= 365)
    result = find(
        features.table[["customer_id", *start]],
        second[["customer_id"]].assign(second_order=again),
        stages={c: int(c.startswith("first_")) for c in start},
    )
    truth = make_shop().truth["attributes"]
    drivers = set(truth[truth["outcome"] == "second order within 365 days"].query("role == 'driver'")["attribute"])
    ours = {"Промокод": "first_order_discounted", "Згода на розсилку": "consent"}
    drivers = {ours.get(name, name) for name in drivers}
    assert set(result.usable_for_segments) == drivers
    device = result.table.set_index("variable").loc["Пристрій"]
    assert device["q_value"] < 0.05 and device["given"] == "Канал залучення" and device["p_within"] > 0.05
    assert device["verdict"] == "no_evidence"
    assert set(truth[truth["role"] == "useless"]["attribute"]) == USELESS <= set(result.rejected["variable"])
    means = result.levels.query("variable == 'Канал залучення'").set_index("level")["mean"]
    assert means["Рекомендація"] > means["Пошук Google"] > means["Маркетплейс"]


def test_a_study_keeps_time(shop):
    cut = dt.date(2025, 5, 1)
    study = study_of(*shop, cut=cut, as_of=AS_OF, how=DriverTests(200))
    lines = shop[0].df()
    bought = lines[lines["ordered_at"] >= pd.Timestamp(cut)].groupby(["customer_id", "order_id"])["revenue_minor"].sum()
    refunded = lines[lines["ordered_at"] < pd.Timestamp(cut)]["order_id"].unique()
    bought = bought[(bought > 0) & ~bought.index.get_level_values(1).isin(refunded)]
    mine = study.outcomes.set_index("customer_id")
    expected = bought.groupby("customer_id").size().reindex(mine.index, fill_value=0)
    assert mine["n_orders"].tolist() == expected.tolist()
    assert (mine["bought_again"] == (expected > 0)).all()
    assert (mine["revenue_of_buyers"].notna() == mine["bought_again"]).all()
    shares = mine.filter(like="category_share: ")
    assert shares.shape[1] == 2 and (shares.notna().all(axis=1) == mine["bought_again"]).all()
    alone = customer_features(*shop, terms=Terms(cut - dt.timedelta(days=1)), n_categories=2)
    pd.testing.assert_frame_equal(study.features.table, alone.table)
    assert not USELESS & set(study.drivers.usable_for_segments)
    with pytest.raises(ValueError, match="lies after as_of"):
        drivers_at(open_study(DATA / "shop"), cut, cut=AS_OF)
    with pytest.raises(HistoryError, match="Choose an earlier cut"):
        study_of(*shop, cut=dt.date(2030, 1, 1), as_of=dt.date(2030, 12, 31))


def test_everybody_bought_once_and_never_again():
    at = pd.Timestamp("2025-01-10 10:00")
    lines = pd.DataFrame({"customer_id": ids(100), "order_id": ids(100), "ordered_at": at, "revenue_minor": 500})
    last = lines.iloc[[0]].assign(order_id="new", ordered_at=pd.Timestamp("2025-05-10 10:00"))
    study = study_of(pd.concat([lines, last]), cut=dt.date(2025, 4, 1), as_of=dt.date(2025, 6, 30))
    assert set(study.drivers.table["verdict"]) == {"too_little_data"}
    assert study.drivers.usable_for_segments == ()
    with pytest.raises(HistoryError, match="has an order from then"):
        study_of(lines, cut=dt.date(2025, 4, 1), as_of=dt.date(2025, 6, 30))


def test_a_panel_of_thousands_takes_seconds():
    """As many customers and attributes as the grocery panel has."""
    rng = np.random.default_rng(0)
    features = people(2500, **{f"x{j}": rng.choice(list("abcdef"), 2500) for j in range(8)})
    began = time.process_time()
    find(features, people(2500, y=rng.normal(size=2500)))
    assert time.process_time() - began < 20


def simulated(seed, *, n=500, noise=20, planted=False):
    """Noise of three kinds; a planted category of four levels explains 5 % of the logarithm of an amount."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdef"))
    made = {
        f"x{j}": [rng.normal(size=n), rng.random(n) < 0.5, letters[rng.integers(0, 6, n)]][j % 3] for j in range(noise)
    }
    error = rng.normal(size=n)
    if not planted:
        amount = np.where(rng.random(n) < 0.5, 0, np.exp(error))
        return people(n, **made), people(n, amount=amount, yes=rng.random(n) < 0.3)
    group = rng.integers(0, 4, n)
    means = np.array([-3, -1, 1, 3]) / np.sqrt(5)
    amount = np.exp(np.sqrt(0.05) * means[group] + np.sqrt(0.95) * error)
    return people(n, **made, planted=letters[group]), people(n, amount=amount)


@pytest.mark.slow
def test_noise_is_called_influential_in_at_most_one_run_of_twenty():
    """20 useless variables, two outcomes, 200 runs: the rate of runs with any false find is 5 % at most.

    13 = 10 + one standard error of a count of 200 at 5 %.
    """
    runs = [find(*simulated(seed), seed=seed) for seed in range(200)]
    called = np.array([len(run.usable_for_segments) for run in runs])
    assert called.sum() / (200 * 20) <= 0.05
    assert (called > 0).sum() <= 13
    p = pd.concat([run.table["p_value"] for run in runs])
    assert 0.04 < (p <= 0.05).mean() < 0.06


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0, 20])
def test_a_planted_share_of_five_per_cent_is_found_in_nine_runs_of_ten(noise):
    runs = [find(*simulated(seed, noise=noise, planted=True), seed=seed) for seed in range(200)]
    assert np.mean(["planted" in run.usable_for_segments for run in runs]) >= 0.9
    effects = pd.concat([run.table[run.table["variable"] == "planted"] for run in runs])
    assert 0.04 < effects["effect"].mean() < 0.06
    assert ((effects["low"] <= 0.047) & (0.047 <= effects["high"])).mean() > 0.88  # of the ranks; nominal 95 %
