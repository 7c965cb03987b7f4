"""Did campaigns answer: rates by campaign and group, targeting told apart from effect (requirement 003-11)."""

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from custaudience.customers import NO_HOLD_OUT, CampaignTables, campaign_response
from custaudience.errors import ColumnError, EmptyTableError, HistoryError
from custaudience.evidence import Terms
from custaudience.recipes import segments_at
from custaudience.study import open_study

DATA = Path(__file__).resolve().parents[2] / "data"
TERMS = Terms(dt.date(2025, 6, 30))


def plan(*rows):
    """Build campaigns from (id, first day, last day)."""
    frame = pd.DataFrame(rows, columns=["campaign_id", "starts_on", "ends_on"])
    return frame.assign(starts_on=pd.to_datetime(frame["starts_on"]), ends_on=pd.to_datetime(frame["ends_on"]))


def sent(**campaigns):
    """Build contacts from campaign = number of customers."""
    return pd.DataFrame(
        [(c, f"{i:03}") for c, n in campaigns.items() for i in range(n)], columns=["campaign_id", "customer_id"]
    )


def back(*rows):
    """Build responses from (campaign, customer, day)."""
    frame = pd.DataFrame(rows, columns=["campaign_id", "customer_id", "responded_on"])
    return frame.assign(responded_on=pd.to_datetime(frame["responded_on"]))


def respond(contacts, answers, campaigns, *, terms=TERMS, coupons=None, observed_from=None, **options):
    return campaign_response(CampaignTables(contacts, answers, campaigns, coupons, observed_from), terms, **options)


PLAN = plan(("c1", "2025-01-01", "2025-01-31"), ("c2", "2025-03-01", "2025-03-31"), ("c3", "2025-06-01", "2025-07-31"))


def test_by_hand():
    """c1: 81 of 263 responded, Wilson .2553 to .3662 (Newcombe 1998a); twice is once; c3 is still running."""
    answers = [("c1", f"{i:03}", "2025-01-10") for i in range(81)] + [("c1", "000", "2025-01-11")]
    found = respond(sent(c1=263, c2=148, c3=50), back(*answers, ("c3", "001", "2025-06-02")), PLAN)
    table = found.campaigns.set_index("campaign_id")
    assert table.loc["c1", ["n_contacted", "n_responded", "n_responses"]].tolist() == [263, 81, 82]
    assert table.loc["c1", ["low", "high"]].tolist() == pytest.approx([0.2553, 0.3662], abs=6e-5)
    assert table.loc["c2", "response_rate"] == 0 and table.loc["c1", "difference"] == pytest.approx(81 / 263)
    assert table.loc["c1", "verdict"] == "more" and table.loc["c2", "verdict"] == "less"
    assert table.loc["c3", "status"] == "still running" and np.isnan(table.loc["c3", "response_rate"])
    assert found.notes[0] == NO_HOLD_OUT and "1 still running" in found.notes[1]


def test_censored_campaigns():
    campaigns = plan(
        ("old", "2025-01-01", "2025-01-31"), ("before", "2024-12-01", "2025-01-15"),
        ("fresh", "2025-06-01", "2025-06-25"), ("undated", None, None), ("empty", "2025-01-01", "2025-01-31"),
    )  # fmt: skip
    late = [("old", f"{i:03}", "2025-02-10") for i in range(20)]  # ten days after the end
    given = sent(old=30, before=30, fresh=30, undated=30), back(*late), campaigns
    found = respond(*given, observed_from=dt.date(2025, 1, 1))
    assert found.wait_days == 10
    assert found.campaigns.set_index("campaign_id")["status"].to_dict() == {
        "old": "complete", "before": "began before the data", "fresh": "too recent", "undated": "no dates",
        "empty": "nobody contacted",
    }  # fmt: skip
    other = respond(*given, wait_days=0)
    status = other.campaigns.set_index("campaign_id")["status"]
    assert status["fresh"] == "complete" and status["before"] == "complete" and "Not checked" in other.notes[-1]


def test_responses_that_do_not_count_are_counted():
    answers = back(
        ("c1", "000", "2025-01-05"), ("c1", "999", "2025-01-05"), ("c1", "001", "2024-12-30"),
        ("c1", "002", "2025-12-30"), (None, "003", "2025-01-05"), ("zz", "003", "2025-01-05"),
    )  # fmt: skip
    found = respond(sent(c1=20, c2=20), answers, PLAN)
    assert found.campaigns["n_responded"].tolist() == [1, 0, 0]
    assert (found.n_uninvited, found.n_outside, found.n_without_campaign) == (1, 1, 2)


def test_later_campaigns_contacts_and_responses_do_not_exist():
    """On 30 June nobody knows of a campaign of July, nor of answers to an old one that come in December."""
    campaigns = pd.concat([PLAN, plan(("c4", "2025-07-05", "2025-07-31"))], ignore_index=True)
    contacts = sent(c1=30, c2=30, c3=30).assign(sent_at=pd.Timestamp("2025-01-01"))
    contacts = pd.concat([contacts, sent(c4=500), sent(c1=40).tail(10).assign(sent_at=pd.Timestamp("2025-08-01"))])
    answers = back(("c1", "001", "2025-01-05"), ("c4", "400", "2025-07-06"), ("c1", "002", "2025-12-24"))
    value = pd.DataFrame({"customer_id": [f"{i:03}" for i in range(500)], "size": ["large"] * 50 + ["small"] * 450})
    whole = respond(contacts, answers, campaigns, segments=value)
    cut = respond(sent(c1=30, c2=30, c3=30), answers.head(1), PLAN, segments=value)
    for name in ("campaigns", "groups", "coverage", "targeting"):
        pd.testing.assert_frame_equal(getattr(whole, name), getattr(cut, name))
    assert (whole.n_outside, whole.n_without_campaign, whole.wait_days, whole.notes) == (0, 0, 0, cut.notes)


def test_groups_are_compared_within_the_same_campaigns():
    """Women got the good campaign, men the bad one; within each both answer alike: no difference between them."""
    contacts = sent(c1=200, c2=200)
    number = contacts["customer_id"].astype(int)
    sex = pd.DataFrame({"customer_id": [f"{i:03}" for i in range(200)], "sex": ["w"] * 100 + ["m"] * 100})
    kept = np.where(
        contacts["campaign_id"] == "c1", (number < 100) | (number % 5 == 0), (number >= 100) | (number % 5 == 0)
    )
    contacts = contacts[kept]
    rate = contacts["campaign_id"].map({"c1": 2, "c2": 10})
    hit = contacts[(contacts["customer_id"].astype(int) // 5) % rate == 0]
    found = respond(contacts, back(*[(c, i, "2025-03-05") for c, i in hit.to_numpy()]), PLAN, customers=sex)
    women = found.groups.set_index("value").loc["w"]
    crude = women["response_rate"] - found.groups.set_index("value").loc["m", "response_rate"]
    assert crude > 0.2 and abs(women["difference"]) < 0.05 and women["verdict"] == "no clear difference"


def test_contacts_of_one_customer_are_alike():
    """20 customers, ten campaigns each, who answer all or none: as informative as 20 contacts, not 200."""
    campaigns = plan(*[(f"k{i}", "2025-01-01", "2025-01-31") for i in range(10)])
    contacts = sent(**{f"k{i}": 40 for i in range(10)})
    eager = [(f"k{i}", f"{c:03}", "2025-01-05") for i in range(10) for c in (*range(10), *range(20, 25))]
    group = pd.DataFrame({"customer_id": [f"{i:03}" for i in range(40)], "g": ["a"] * 20 + ["b"] * 20})
    found = respond(contacts, back(*eager), campaigns, customers=group)
    a = found.groups.set_index("value").loc["a"]
    assert a["response_rate"] == 0.5 and a["n_contacts"] == 200 and a["difference"] == pytest.approx(0.25)
    # Wilson at 10 of about 19; of 100 of 200 it would be .43 to .57
    assert a["low"] < 0.31 and a["high"] > 0.69 and a["p_value"] > 0.05


def test_a_small_group_without_an_answer_is_not_called_clear():
    """0 of 12 against 40 of 288: Fisher's test has p = 0.38, so nobody may call that a clear difference."""
    people = pd.DataFrame({"customer_id": [f"{i:03}" for i in range(300)], "g": ["few"] * 12 + ["many"] * 288})
    answers = [("c1", f"{i:03}", "2025-01-05") for i in range(12, 52)]
    found = respond(sent(c1=300), back(*answers), PLAN, customers=people)
    few = found.groups.set_index("value").loc["few"]
    assert few["response_rate"] == 0 and few["difference"] == pytest.approx(-40 / 288)
    assert few["p_value"] > 0.1 and few["difference_high"] > 0 and few["verdict"] == "no clear difference"


def test_targeting_and_coverage():
    """Half of the large customers were contacted and none of the small: the choice, not an effect."""
    value = pd.DataFrame({"customer_id": [f"{i:03}" for i in range(100)], "size": ["large"] * 50 + ["small"] * 50})
    found = respond(sent(c1=25), back(("c1", "000", "2025-01-05")), PLAN, segments=value)
    table = found.targeting.set_index("value")
    assert table["share_contacted"].to_dict() == {"large": 0.5, "small": 0.0}
    assert table.loc["large", "difference_low"] > 0.3 and found.groups.empty  # nobody to compare with
    part = respond(sent(c1=25), back(("c1", "000", "2025-01-05")), PLAN, customers=value.iloc[5:].assign(n=range(95)))
    coverage = part.coverage.set_index("attribute")
    assert coverage.loc["size", ["n_contacts", "n_known"]].tolist() == [25, 20]
    assert coverage.loc["size", "rate_known"] == 0 and coverage.loc["size", "rate_unknown"] == 0.2
    assert set(part.targeting.loc[part.targeting["attribute"] == "n", "value"]) == {"1 lowest", "2", "3", "4 highest"}


def test_small_groups_have_no_row():
    people = pd.DataFrame({"customer_id": [f"{i:03}" for i in range(50)], "g": ["rare"] * 9 + ["b"] * 20 + ["c"] * 21})
    found = respond(sent(c1=50), back(("c1", "000", "2025-01-05")), PLAN, customers=people)
    assert found.groups["value"].tolist() == ["b", "c"] and found.targeting["value"].tolist() == ["b", "c"]


def test_nobody_responds():
    people = pd.DataFrame({"customer_id": [f"{i:03}" for i in range(40)], "g": ["a", "b"] * 20})
    found = respond(sent(c1=40, c2=40), back().astype({"campaign_id": "str"}), PLAN, customers=people)
    assert found.campaigns["response_rate"].iloc[:2].tolist() == [0, 0]
    assert found.groups["low"].tolist() == [0, 0] and (found.groups["high"] > 0.05).all()
    assert found.groups["p_value"].isna().all() and (found.groups["verdict"] == "no clear difference").all()


def test_helpful_messages():
    with pytest.raises(EmptyTableError, match="nobody was contacted"):
        respond(sent(c1=0), back(), PLAN)
    with pytest.raises(HistoryError, match="No campaign is complete"):
        respond(sent(c3=5), back(), PLAN.iloc[2:])
    with pytest.raises(HistoryError, match="No campaign is complete"):
        respond(sent(c3=5), back(), PLAN.iloc[:0])
    with pytest.raises(ColumnError, match="contacts: column 'customer_id' not found"):
        respond(sent(c1=5).drop(columns="customer_id"), back(), PLAN)
    with pytest.raises(ValueError, match="one row per customer_id"):
        twice = pd.DataFrame({"customer_id": ["000", "000"], "g": ["a", "b"]})
        respond(sent(c1=5), back(), PLAN, customers=twice)


def test_every_engine_gives_the_same_of_grocery():
    study = open_study(DATA / "grocery")
    names = ("contacts", "responses", "campaigns")
    options = {
        "terms": study.terms(dt.date(2017, 12, 31)), "customers": study.table("customers").df(),
        "segments": segments_at(study, dt.date(2017, 1, 31))[["customer_id", "segment", "revenue_total"]],
        "observed_from": study.first_day,
    }  # fmt: skip
    found = respond(*(study.table(n) for n in names), coupons=study.table("coupons"), **options)
    assert found.campaigns.set_index("campaign_id").loc["18", "n_coupons"] == 209
    for convert in (lambda t: t.df(), lambda t: t.to_arrow_table(), lambda t: pl.from_arrow(t.to_arrow_table())):
        other = respond(*(convert(study.table(n)) for n in names), **options)
        pd.testing.assert_frame_equal(other.groups, found.groups)
        pd.testing.assert_frame_equal(other.campaigns, found.campaigns.drop(columns=["n_coupons", "n_coupons_used"]))


@pytest.mark.slow
def test_equal_groups_are_rarely_called_different():
    """Customers differ in eagerness, groups do not: of 200 studies with 10 campaigns at most 7 % have p < .05."""
    rng, called = np.random.default_rng(2), 0
    campaigns = plan(*[(f"k{i}", "2025-01-01", "2025-01-31") for i in range(10)])
    contacts = sent(**{f"k{i}": 300 for i in range(10)})
    number = contacts["customer_id"].astype(int).to_numpy()
    for _ in range(200):
        eager = rng.beta(0.5, 3, 300)
        people = pd.DataFrame({"customer_id": [f"{i:03}" for i in range(300)], "g": rng.choice(["a", "b"], 300)})
        hit = contacts[rng.random(len(contacts)) < eager[number]]
        answers = back(*[(c, i, "2025-01-05") for c, i in hit.to_numpy()])
        found = respond(contacts, answers, campaigns, customers=people)
        called += found.groups["p_value"].iloc[0] < 0.05
    assert 0.015 <= called / 200 <= 0.09
