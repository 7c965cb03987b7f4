"""What sets ideal customers apart, and rules that tell them: by hand, circular traits, gaps, hard inputs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from ideal_data import TERMS, features_of, small_shop, synthetic_base
from scipy import stats

from custaudience.audience import distinctive_traits, ideal_rules
from custaudience.audience.ideal.rule import early_features
from custaudience.errors import DataError, EmptyTableError
from custaudience.stats.intervals import mean_ratio, median_ratio, share_ratio


def base(n: int = 400) -> tuple[pd.DataFrame, pd.Series]:
    """The first quarter is ideal; a town is theirs, a shoe size nobody's."""
    rng = np.random.default_rng(6)
    ids = pd.Index([f"{i:04}" for i in range(n)], name="customer_id")
    ideal = pd.Series(np.arange(n) < n // 4, index=ids)
    table = pd.DataFrame({"customer_id": ids})
    table["town"] = pd.Categorical(np.where(ideal, np.where(np.arange(n) % 10 < 6, "A", "B"), "B"))
    table.loc[table.index[-40:], "town"] = "A"
    table["shoe"] = rng.normal(41, 3, n)
    table["n_orders"] = np.where(ideal, 20, 2) + np.arange(n) % 3
    table["visits"] = table["n_orders"] * 2.0  # a copy under another name
    return table, ideal


def test_a_ratio_with_interval_worked_by_hand() -> None:
    table, ideal = base()
    found = distinctive_traits(features_of(table, {"town": "attribute", "shoe": "attribute"}), ideal, TERMS)
    row = found.table.set_index(["feature", "category"]).loc[("town", "A")]
    assert (row["n"], row["n_others"]) == (100, 300)
    assert row["value"] == pytest.approx(0.60) and row["value_others"] == pytest.approx(40 / 300)
    assert row["ratio"] == pytest.approx(4.5) and row["ratio_low"] < 4.5 < row["ratio_high"]
    assert row["status"] == "measured" and row["low"] > 0
    pooled = 100 / 400
    z = (0.6 - 40 / 300) / np.sqrt(pooled * (1 - pooled) * (1 / 100 + 1 / 300))
    assert row["p_value"] == pytest.approx(2 * stats.norm.sf(z))
    assert found.table.set_index("feature").loc["shoe", "status"] == "no_clear_difference"


def test_what_ideal_is_made_of_and_its_copies_are_left_out_and_said() -> None:
    table, ideal = base()
    features = features_of(table, {"town": "attribute", "shoe": "attribute"})
    found = distinctive_traits(features, ideal, TERMS)
    assert found.left_out.set_index("feature")["why"].to_dict() == {"n_orders": "loyal", "visits": "copy"}
    assert not {"n_orders", "visits"} & set(found.table["feature"])
    everything = distinctive_traits(features, ideal, TERMS, made_from=[])
    assert {"n_orders", "visits"} <= set(everything.clear["feature"]) and everything.left_out.empty


def test_first_orders_are_left_out_where_the_data_begin_later() -> None:
    table, ideal = base()
    table["first_category"] = table["town"]
    features = features_of(table, {"town": "attribute"})
    assert "first_category" in set(distinctive_traits(features, ideal, TERMS).table["feature"])
    late = distinctive_traits(features, ideal, replace(TERMS, first_orders="cut off"))
    assert late.left_out.set_index("feature").loc["first_category", "why"] == "first"


def test_who_orders_often_is_not_told_apart_by_shares_of_orders() -> None:
    """One order gives a share of 0 or 1: medians, and "any at all", would find a difference where there is none."""
    rng = np.random.default_rng(7)
    n = np.where(np.arange(3000) < 300, 40, 1)
    share = rng.binomial(n, 0.3) / n
    ids = pd.Index([f"{i:04}" for i in range(3000)], name="customer_id")
    table = pd.DataFrame({"customer_id": ids, "weekend_share": share})
    found = distinctive_traits(features_of(table, {}, {"weekend_share": "share"}), pd.Series(n > 1, index=ids), TERMS)
    row = found.table.iloc[0]
    assert row["statistic"] == "mean" and row["status"] == "no_clear_difference"
    assert row["value"] == pytest.approx(share[n > 1].mean())


def test_of_whom_an_attribute_is_known_is_compared() -> None:
    table, ideal = base()
    table["age"] = np.where(ideal | (np.arange(400) % 3 == 0), 40.0 + np.arange(400) % 7, np.nan)
    found = distinctive_traits(features_of(table, {"age": "attribute"}), ideal, TERMS)
    row = found.known.set_index("feature").loc["age"]
    assert row["n_known"] == 200 and row["share_known_ideal"] == 1.0
    assert row["ideal_known"] == pytest.approx(0.5) and row["ideal_unknown"] == 0.0
    assert row["status"] == "measured" and row["low"] > 0.4
    values = found.table.set_index("feature").loc["age"]
    assert (values["n"], values["n_others"]) == (100, 100)  # compared among those known only


def test_small_groups_have_no_figures() -> None:
    table, ideal = base()
    table["rare"] = pd.Categorical(np.where(np.arange(400) % 80 == 0, "yes", "no"))
    found = distinctive_traits(features_of(table, {"rare": "attribute"}), ideal, TERMS)
    rare = found.table[found.table["feature"] == "rare"]
    assert (rare["status"] == "too_few").all() and rare[["value", "ratio", "p_value"]].isna().all(axis=None)
    few = ideal & (np.arange(400) < 8)
    assert (distinctive_traits(features_of(table, {}), few, TERMS).table["status"] == "too_few").all()


def test_sensitive_traits_never_appear() -> None:
    table, ideal = base()
    table["religion"] = table["town"]
    found = distinctive_traits(features_of(table, {"religion": "attribute"}), ideal, TERMS)
    assert "religion" not in set(found.table["feature"])
    assert found.left_out.set_index("feature").loc["religion", "why"] == "sensitive"


def test_nobody_and_everybody_are_refused_in_words() -> None:
    table, ideal = base()
    features = features_of(table, {})
    with pytest.raises(EmptyTableError, match="nobody is in the group"):
        distinctive_traits(features, ideal & False, TERMS)
    with pytest.raises(DataError, match="everybody is in the group"):
        distinctive_traits(features, ideal | True, TERMS)


def test_ratios_are_those_of_the_books() -> None:
    ratio, low, high = share_ratio(36, 40, 16, 80)  # the example of Koopman (1984): 36 of 40 and 16 of 80
    assert (round(ratio, 2), round(low, 2), round(high, 2)) == (4.5, 2.94, 7.15)
    assert all(np.isnan(share_ratio(5, 40, 0, 80)))
    assert share_ratio(0, 40, 16, 80)[:2] == (0.0, 0.0)
    rng = np.random.default_rng(2)
    a, b = rng.gamma(4, 2, 4000), rng.gamma(4, 1, 4000)
    for found in (mean_ratio(a, b), median_ratio(a, b)):
        assert found[1] < 2 < found[2] and found[2] - found[1] < 0.2
    assert np.isnan(mean_ratio(np.array([-1.0, 1.0]), np.array([1.0, 2.0]))[0])


def test_a_rule_is_found_where_there_is_one_and_judged_on_others() -> None:
    features, ideal, _ = synthetic_base(3, n=6000)
    rule = ideal_rules(features, ideal, TERMS)[0]
    assert rule.view == "everybody" and rule.verdict == "better than chance"
    assert {test.feature for tests in rule.conditions for test in tests} <= {"member", "channel", "age"}
    assert rule.n_hold_out == pytest.approx(2400, abs=2) and rule.precision.value > rule.base_rate
    assert rule.precision.value == pytest.approx(rule.n_right / rule.n_said)
    assert rule.recall.value == pytest.approx(rule.n_right / rule.n_hold_out_ideal)
    from statsmodels.stats.proportion import proportion_confint

    assert (rule.precision.low, rule.precision.high) == pytest.approx(
        proportion_confint(rule.n_right, rule.n_said, method="wilson")
    )


def test_whether_something_is_known_is_never_a_condition() -> None:
    features, ideal, _ = synthetic_base(4)
    table = features.table.copy()
    chosen = ideal.reindex(table["customer_id"]).to_numpy()
    gone = np.random.default_rng(1).random(len(table)) < np.where(chosen, 0.1, 0.7)
    table["age"] = table["age"].mask(gone)
    known = features_of(table, dict.fromkeys(table.columns[1:], "attribute"))
    everybody, asked, early = ideal_rules(known, ideal, TERMS)
    assert "age" not in everybody.features and "age" in asked.features
    assert asked.n_base == int((~gone).sum()) and asked.base_rate > 2 * everybody.base_rate
    conditions = [test for rule in (everybody, asked) for tests in rule.conditions for test in tests]
    assert conditions and not any(test.test in ("known", "missing") for test in conditions)
    assert early.verdict == "none" and early.reason == "nothing_known"


def test_no_rule_where_there_is_nothing_or_too_few() -> None:
    features, ideal, _ = synthetic_base(5, n=300, base=0.1)
    assert ideal_rules(features, ideal, TERMS)[0].reason == "too_few"
    alone = features_of(features.table[["customer_id"]].assign(n_orders=1.0), {})
    assert ideal_rules(alone, ideal, TERMS)[0].reason == "nothing_known"


def test_first_orders_count_as_many_of_everybody() -> None:
    orders = small_shop()
    lines = orders.assign(
        ordered_at=orders["ordered_on"], order_id=orders["customer_id"] + orders["ordered_on"].dt.strftime("%j")
    )
    found = early_features(lines, None, TERMS, n_orders=3)
    assert set(found.table["customer_id"]) == {f"c{i:03}" for i in range(8)}  # the others have two
    assert (found.table["n_orders"] == 3).all() and (found.table["usual_gap_days"] == 30).all()
    assert early_features(lines, None, TERMS, n_orders=9) is None
