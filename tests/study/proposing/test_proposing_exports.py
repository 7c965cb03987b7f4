"""The sample exports of data/exports: recognised by themselves, and what is written reads what the recount found."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from order_lines import HEAD, lines

from custaudience.errors import ConfigError
from custaudience.reports.studies import Talk, Wishes, make_study
from custaudience.study import open_study
from custaudience.study.books import monthly_books
from custaudience.study.proposing import Answers, propose_study

SAMPLES = Path(__file__).parents[3] / "data" / "exports"
EXPECTED: dict[str, dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text("utf-8"))
# what no file can say: the currency, unless a column or a header names it, and the company's own time zone
ASKED = {
    "shopify-orders.csv": {"timezone"}, "shopify-customers.csv": {"currency"},
    "woocommerce-orders.csv": {"currency", "timezone"}, "stripe-payments.csv": {"timezone"},
    "hubspot-contacts.csv": {"currency"}, "mailchimp-campaigns.csv": {"currency", "timezone"},
    "ga4-events.csv": {"currency", "timezone"}, "meta-ads.csv": set(), "meta-ads-uk.csv": set(),
    "google-ads.csv": {"currency"}, "google-ads-ru.csv": {"currency"},
}  # fmt: skip


def answers_for(sample: str) -> dict[str, str]:
    known = {"currency": EXPECTED[sample].get("currency", "EUR")}
    known["timezone"] = EXPECTED[sample].get("timezone", "Europe/Berlin")
    return {key: known[key] for key in ASKED[sample]}


@pytest.mark.parametrize("sample", EXPECTED)
def test_only_what_no_file_can_say_is_asked(sample: str) -> None:
    if not ASKED[sample]:
        proposal = propose_study([SAMPLES / sample], answers=Answers({}), name="Shop")
        assert proposal.study["currency"] == EXPECTED[sample]["currency"]
        return
    with pytest.raises(ConfigError) as caught:
        propose_study([SAMPLES / sample], answers=Answers({}), name="Shop")
    asked = {line.partition('--answer "')[2].partition("=")[0] for line in str(caught.value).splitlines()} - {""}
    assert asked == ASKED[sample]


@pytest.mark.parametrize("sample", EXPECTED)
def test_a_sample_is_recognised_and_every_row_has_its_reason(sample: str) -> None:
    expected = EXPECTED[sample]
    proposal = propose_study([SAMPLES / sample], answers=Answers(answers_for(sample)), name="Shop")
    one = proposal.tables[0]
    assert one.preset is not None and one.preset[0] == expected["preset"]
    assert (one.table, one.scan.rows) == (expected["table"], expected["rows"])
    assert not proposal.unused


@pytest.mark.parametrize("sample", EXPECTED)
def test_what_is_written_reads_what_the_recount_found(sample: str, tmp_path: Path) -> None:
    expected = EXPECTED[sample]
    make_study(tmp_path / "study", [SAMPLES / sample], Wishes(answers_for(sample)), Talk(say=str))
    study = open_study(tmp_path / "study")
    report = study.read_report(expected["table"])
    assert (report.rows_in, report.rows_used) == (expected["rows"], expected["rows_used"])
    left_out: dict[str, int] = {}
    for fault in report.faults:
        left_out[fault.reason] = left_out.get(fault.reason, 0) + fault.rows
    assert left_out == expected["left_out"]
    if expected["table"] == "transactions":
        rows = study.table("transactions")
        assert (net := by_month(rows, "ordered_at", "revenue_minor")) == money(expected["net_revenue_by_month"])
        assert sum(net.values()) == Decimal(expected["net_revenue"])
        orders = study.orders(study.last_day).filter("is_order")
        assert orders.aggregate("count(*)").fetchall() == [(expected["orders"],)]
        assert rows.aggregate("count(DISTINCT customer_id)").fetchall() == [(expected["customers"],)]
        guests = monthly_books(study)["guests_net"].sum()
        assert Decimal(f"{guests:.2f}") == Decimal(expected["net_revenue_of_guests"])
        assert [f"{study.first_day}", f"{study.last_day}"] == [expected["first_day"], expected["last_day"]]
    if expected["table"] == "spend":
        rows = study.table("spend")
        assert (cost := by_month(rows, "starts_on", "spend_minor")) == money(expected["spend_by_month"])
        assert sum(cost.values()) == Decimal(expected["spend"])
        counts = "count(conversions), count(clicks), count(DISTINCT campaign), count(DISTINCT channel)"
        assert rows.aggregate(counts).fetchall() == [(*(report.rows_used,) * 2, expected["campaigns"], 1)]


def by_month(rows: Any, date: str, cents: str) -> dict[str, Decimal]:
    found = rows.aggregate(f"strftime({date}, '%Y-%m') AS month, sum({cents})::BIGINT AS cents", "month").fetchall()
    return {month: Decimal(total) / 100 for month, total in found}


def money(amounts: dict[str, str]) -> dict[str, Decimal]:
    return {month: Decimal(amount) for month, amount in amounts.items()}


def test_a_vendor_named_for_another_file_says_what_is_lacking(put, refused) -> None:
    message = refused(put("orders.csv", HEAD + lines()), preset="shopify-orders")
    assert "no file has the columns of preset shopify-orders (Shopify: orders): orders.csv lacks 'Name', " in message
    assert "Export it with these, or leave --preset out. It is documented at https://help.shopify.com" in message


def test_an_unknown_preset_names_the_near_miss(put, refused) -> None:
    message = refused(put("orders.csv", HEAD + lines()), preset="shopify-order")
    assert "preset 'shopify-order' is not known. Did you mean 'shopify-orders'?" in message


def test_a_preset_leaves_other_files_to_be_recognised_by_themselves() -> None:
    files = [SAMPLES / "shopify-orders.csv", SAMPLES / "shopify-customers.csv"]
    answers = Answers({"timezone": "Europe/Berlin"})
    proposal = propose_study(files, answers=answers, name="Shop", preset="shopify-orders")
    assert [one.preset[0] for one in proposal.tables if one.preset] == ["shopify-orders", "shopify-customers"]


def test_an_answer_can_leave_a_recognised_file_out() -> None:
    files = [SAMPLES / "shopify-orders.csv", SAMPLES / "shopify-customers.csv"]
    answers = Answers({"timezone": "Europe/Berlin", "table.shopify-customers.csv": "none"})
    proposal = propose_study(files, answers=answers, name="Shop")
    assert [one.table for one in proposal.tables] == ["transactions"]
    assert proposal.unused == ["shopify-customers.csv: left out, as answered."]
