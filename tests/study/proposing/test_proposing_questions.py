"""What is ambiguous is asked, never taken: by the terminal, or answered beforehand."""

import pytest
from order_lines import HEAD, lines

from custaudience.errors import ConfigError
from custaudience.study.proposing import Answers, Question


def rows(row: str, n: int = 60) -> str:
    """Return order lines of nine customers; `row` is formatted with k, day (1-28) and month (1-9)."""
    return "".join(f"C{k % 9},O{k}," + row.format(k=k, day=k % 28 + 1, month=k % 9 + 1) + "\n" for k in range(n))


def by_month(study) -> dict[str, float]:
    sums = "strftime(ordered_at, '%Y-%m'), sum(revenue_minor)::BIGINT"
    return {month: cents / 100 for month, cents in study.table("transactions").aggregate(sums).fetchall()}


UNCLEAR = HEAD + "".join(f"C{k % 9},O{k},{k % 9 + 1:02d}/{k % 4 + 1:02d}/2025,1.50\n" for k in range(72))


def test_which_comes_first_is_asked_and_both_answers_give_their_months(put, refused, made) -> None:
    file = put("orders.csv", UNCLEAR)
    message = refused(file)
    assert message.startswith(
        "1 thing is ambiguous, and nothing is taken silently:\n  orders.csv, date: in '01/01/2025'"
    )
    assert '--answer "transactions.date_order=day" or --answer "transactions.date_order=month"' in message
    assert message.endswith("Nothing was written.")
    day = by_month(made(file, answers={"transactions.date_order": "day"}))
    assert day == {f"2025-{month:02d}": 27.0 for month in range(1, 5)}


def test_the_month_first(put, made) -> None:
    study = made(put("orders.csv", UNCLEAR), answers={"transactions.date_order": "month"})
    assert by_month(study) == {f"2025-{month:02d}": 12.0 for month in range(1, 10)}


@pytest.mark.parametrize(
    "late, formats", [("25/03/2025", "%d/%m/%Y"), ("03/25/2025", "%m/%d/%Y")], ids=["day", "month"]
)
def test_one_row_far_down_decides(late, formats, put, propose) -> None:
    # beyond the sample, of which the last part is read, too
    text = "C1,O1,03/04/2025,1.50\n" * 190_000
    proposal = propose(put("orders.csv", HEAD + text + f"C1,O2,{late},1.50\n" + text))
    one = proposal.tables[0]
    assert one.date is not None and one.date.order == "unclear"
    assert one.settings["date_format"] == formats and one.scan.rows == 380_001
    assert "in 1 row that number is over 12" in one.why["date_format"][0]


def test_two_orders_in_the_sample(put, refused) -> None:
    message = refused(put("orders.csv", HEAD + lines(date="%d/%m/%Y") + lines(date="%m/%d/%Y")))
    assert (
        "date mixes two date orders in one column: '15/01/2024' has the day first, '01/15/2024' the month." in message
    )
    assert "export it again with one order, best with the year first (2025-04-03)" in message


def test_two_orders_far_down(put, refused) -> None:
    text, other = "C1,O1,25/04/2025,1.50\n" * 100_000, "C1,O1,04/25/2025,1.50\n" * 1000
    message = refused(put("orders.csv", HEAD + text + other + text))
    assert "200,000 rows have the day first, as in '25/04/2025', 1,000 the month, as in '04/25/2025'." in message


def test_one_slip_among_many_dates_is_set_aside(put, propose) -> None:
    text = "C1,O1,25/04/2025,1.50\n" * 60_000
    proposal = propose(put("orders.csv", HEAD + text + "C1,O1,04/25/2025,1.50\n" + text))
    assert (
        "1 of 120,001 values of 'date' cannot be read as ordered_at, such as '04/25/2025'."
        in proposal.tables[0].notes[0]
    )


def test_dates_that_a_spreadsheet_turned_round(put, refused) -> None:
    dates = [
        f"2024-{k % 12 + 1:02d}-{k % 12 + 1:02d} 00:00:00" if k % 2 else f"{k % 16 + 13}/05/2024" for k in range(60)
    ]
    message = refused(put("orders.csv", HEAD + "".join(f"C1,O{k},{date},1.5\n" for k, date in enumerate(dates))))
    assert "a spreadsheet seems to have turned day and month round in some of date." in message


@pytest.mark.parametrize("answer, cents", [("thousands", 125_000), ("decimal", 125)])
def test_a_point_that_may_group_thousands(answer, cents, put, made, refused) -> None:
    file = put("orders.csv", HEAD + rows("2024-01-{day:02d},1.250"))
    assert "orders.csv: is '1.250' 1250, or 1 and a fraction?" in refused(file)
    study = made(file, answers={"transactions.amounts": answer})
    assert study.table("transactions").aggregate("min(revenue_minor)").fetchall() == [(cents,)]


def test_another_column_can_say_what_the_point_is(put, propose) -> None:
    text = "client;day;total;qty\n" + "".join(f"C{k % 9};2024-01-{k % 28 + 1:02d};1.250;{k},5\n" for k in range(60))
    settings = propose(put("orders.csv", text)).tables[0].settings
    assert (settings["decimal"], settings["thousands"]) == (",", ".")


def test_a_side_column_in_another_style_is_given_up(put, propose) -> None:
    text = "client;day;total;qty\n" + "".join(f"C{k % 9};2024-01-{k % 28 + 1:02d};1,25;{k}.5\n" for k in range(60))
    one = propose(put("orders.csv", text)).tables[0]
    assert "quantity" not in one.columns and one.settings["decimal"] == ","
    assert one.notes == [
        "'qty' could be quantity, but its numbers are written in another way, such as '1,25' beside '0.5': it is not "
        "used."
    ]


def test_amounts_in_two_styles(put, refused) -> None:
    text = HEAD.replace(",", ";") + "C1;O1;2024-01-05;1,25\nC2;O2;2024-01-06;1.25\n" * 30
    assert "the numbers of amount are written in two ways, such as '1,25' and '1.25'" in refused(put("o.csv", text))


def test_several_currencies_in_a_column(put, refused, made) -> None:
    text = (
        HEAD.strip()
        + ",currency\n"
        + "".join(f"C{k % 9},O{k},2024-01-{k % 28 + 1:02d},2.50,{['EUR', 'EUR', 'usd'][k % 3]}\n" for k in range(60))
    )
    file = put("orders.csv", text)
    message = refused(file, answers={"currency": "PLN"})
    assert message == "currency: 'PLN' is no answer. Possible: EUR, USD."
    assert by_month(made(file)) == {"2024-01": 100.0}


def test_several_currencies_nobody_chose(put, propose) -> None:
    text = (
        HEAD.strip()
        + ",currency\n"
        + "".join(f"C{k},O{k},2024-01-05,2.50,{'EUR' if k % 3 else 'USD'}\n" for k in range(9))
    )
    with pytest.raises(ConfigError, match=r"holds several currencies, which cannot be added.*EUR 6 rows, USD 3 rows"):
        propose(put("orders.csv", text), currency="")


def test_signs_of_several_currencies(put, refused) -> None:
    text = HEAD + rows("2024-01-{day:02d},$5.50") + rows("2024-01-{day:02d},€5.50", 9)
    message = refused(put("orders.csv", text))
    assert "amount holds several currencies: of 69 rows looked at $ in 60, € in 9. They cannot be added" in message


def test_a_dollar_sign_names_no_single_currency(put, propose) -> None:
    with pytest.raises(ConfigError, match=r"'\$' stands at the amounts"):
        propose(put("orders.csv", HEAD + rows("2024-01-{day:02d},$5.50")), currency="")


def test_a_word_for_a_currency_is_understood_and_not_mapped(put, propose) -> None:
    text = "client;date;total;валюта\n" + "".join(f"C{k % 9};2024-01-{k % 28 + 1:02d};5,5;грн\n" for k in range(60))
    proposal = propose(put("orders.csv", text), currency="")
    assert proposal.study["currency"] == "UAH" and "currency" not in proposal.tables[0].columns


def test_several_columns_of_amounts(put, refused) -> None:
    text = "customer,date,subtotal,total\n" + "".join(
        f"C{k % 9},2024-01-{k % 28 + 1:02d},{k}.5,{k}.9\n" for k in range(60)
    )
    message = refused(put("orders.csv", text))
    assert "Several are named so: 'subtotal' (0.5, 1.5, 2.5); 'total' (0.9, 1.9, 2.9)." in message
    assert '--answer "transactions.revenue=subtotal" or --answer "transactions.revenue=total"' in message


def test_a_name_that_is_only_part_of_the_header_is_asked(put, refused) -> None:
    text = "client id,date of birth,total weight\n" + "".join(
        f"C{k % 9},1980-01-{k % 28 + 1:02d},{k}.5\n" for k in range(60)
    )
    message = refused(put("orders.csv", text))
    assert "Only part of the name speaks for 'total weight' (0.5, 1.5, 2.5)." in message
    assert "Only part of the name speaks for 'date of birth' (1980-01-01, 1980-01-02, 1980-01-03)." in message


def test_a_list_of_customers_is_not_taken_for_sales(put, refused) -> None:
    text = "customer_id,created_at,total\n" + "".join(f"C{k},2024-01-{k % 28 + 1:02d},{k}.5\n" for k in range(60))
    message = refused(put("crm.csv", text))
    assert message.startswith("1 thing is ambiguous") and "Is crm.csv a list of sales, or of customers?" in message


def test_statuses(put, refused, made) -> None:
    kinds = ["paid", "Pending", "refunded", "teal", "cancelled", "pending"]
    text = (
        HEAD.strip()
        + ",status\n"
        + "".join(f"C{k % 9},O{k},2024-01-{k % 28 + 1:02d},1.00,{kinds[k % 6]}\n" for k in range(120))
    )
    file = put("orders.csv", text)
    message = refused(file)
    assert "What are the rows with status = 'Pending', 40 rows?" in message  # both spellings are one
    assert "rows with status = 'refunded', 20 rows? 20 of them have an amount above zero." in message
    assert "rows with status = 'teal', 20 rows? The word is not known here" in message
    answers = {"Pending": "leave out", "refunded": "refund", "teal": "count"}
    study = made(file, answers={f"transactions.rows.{word}": answer for word, answer in answers.items()})
    section = study.config.tables["transactions"]
    assert section.exclude == {"status": ("Pending", "cancelled")} and section.refund_rows == {"status": ("refunded",)}
    assert by_month(study) == {"2024-01": 40 - 20}


@pytest.mark.parametrize(
    "buyer, said", [("", "40 of 120 rows have no customer_id"), ("0", "'0': stands for nobody in")]
)
def test_guests(buyer, said, put, refused, made) -> None:
    text = HEAD + "".join(
        f"{buyer if k % 3 == 0 else f'C{k}'},O{k},2024-01-{k % 28 + 1:02d},1.00\n" for k in range(120)
    )
    file = put("orders.csv", text)
    assert said in refused(file)
    assert by_month(made(file, answers={"transactions.guests": "set aside"})) == {"2024-01": 80}


def test_an_id_that_is_far_more_frequent_than_all_others(put, refused, made) -> None:
    text = HEAD + "".join(f"{7 if k % 3 == 0 else 100 + k},O{k},2024-01-{k % 28 + 1:02d},1.00\n" for k in range(120))
    file = put("orders.csv", text)
    assert "Is '7' a customer, or does it stand for buyers nobody knows? It has 40 of 120 rows looked at" in refused(
        file
    )
    assert by_month(made(file, answers={"transactions.guest.7": "customer"})) == {"2024-01": 120}


@pytest.mark.parametrize("answer, total", [("order", 110.0), ("line", 330.0)])
def test_a_total_repeated_on_each_line(answer, total, put, refused, made) -> None:
    text = HEAD + "".join(f"C{k // 3 % 9},O{k // 3},2024-01-05,{5 + k // 3 % 2}.00\n" for k in range(60))
    file = put("orders.csv", text)
    assert "Of 20 orders with several lines, 20 have the same amount on each." in refused(file)
    assert by_month(made(file, answers={"transactions.revenue_per": answer})) == {"2024-01": total}


def test_two_files_of_the_same_and_of_other_columns(put, refused) -> None:
    first, second = put("a.csv", HEAD + lines()), put("b.csv", HEAD + lines(30))
    message = refused(first, second)
    assert "a.csv and b.csv both claim to be transactions. Which is it? They have the same columns." in message
    assert '--answer "transactions.files=all"' in message
    third = put(
        "c.csv", "client;day;total\n" + "".join(f"K{k % 9};2024-02-{k % 28 + 1:02d};{k}.5\n" for k in range(40))
    )
    message = refused(first, third)
    assert (
        "only a.csv has 'amount', 'customer_id', 'date', 'order_id'; only c.csv has 'client', 'day', 'total'" in message
    )
    assert "=all" not in message


def test_a_clock_without_a_zone(put, refused) -> None:
    message = refused(put("orders.csv", HEAD + lines(date="%Y-%m-%d %H:%M")))
    assert "In which time zone does the company count its days and months?" in message
    assert '--answer "timezone=Europe/Berlin"' in message


@pytest.mark.parametrize(
    "answers, said",
    [({"currency": "EURO"}, "currency: 'EURO' is no ISO 4217 code, such as USD, EUR or UAH. Did you mean 'EUR'?"),
     ({"currency": "грн"}, "Did you mean 'UAH'?"),
     ({"timezone": "Kyiv"}, "timezone: time zone 'Kyiv' does not exist. Did you mean 'Europe/Kyiv'?"),
     ({"unit": "company"}, "unit: 'company' is no answer. Possible: person, organisation."),
     ({"language": "xx"}, "reports are not written in 'xx'; languages: en, uk."),
     ({"transactions.revenue": "amont"}, "has no column 'amont', answered for revenue; it has 'customer_id'"),
     ({"transactions.date_order": "day"}, "--answer transactions.date_order: nothing of that name is asked here."),
     ({"table.orders.csv": "sales"}, "table.orders.csv: 'sales' is no table. Known: transactions, products"),
     ({"table.orders.csv": "none"}, "orders.csv: left out, as answered.")],
)  # fmt: skip
def test_wrong_answers(answers, said, put, refused) -> None:
    text = HEAD + lines(date="%Y-%m-%d %H:%M" if "timezone" in answers else "%Y-%m-%d")
    assert said in refused(put("orders.csv", text), answers=answers)


def test_a_wrong_answer_names_the_near_miss(put, refused) -> None:
    message = refused(put("orders.csv", UNCLEAR), answers={"transactions.date_order": "dya"})
    assert message == "transactions.date_order: 'dya' is no answer. Did you mean 'day'? Possible: day, month."


def test_who_can_be_asked_is_asked_each_thing_once(put, propose) -> None:
    asked: list[Question] = []

    def ask(question: Question) -> str:
        asked.append(question)
        return {"currency": "UAH", "transactions.date_order": "month"}[question.key]

    proposal = propose(put("orders.csv", UNCLEAR), ask=ask, currency="")
    assert [question.key for question in asked] == ["transactions.date_order", "currency"]
    assert proposal.study["currency"] == "UAH" and proposal.tables[0].settings["date_format"] == "%m/%d/%Y"
    assert "No date in it has a number above 12" in asked[0].evidence


def test_a_wrong_answer_is_asked_again_and_not_for_ever(put, propose) -> None:
    given = iter(["euro", " EUR "])
    proposal = propose(put("orders.csv", HEAD + lines()), ask=lambda question: next(given), currency="")
    assert proposal.study["currency"] == "EUR"
    with pytest.raises(ConfigError, match="currency: 'x' is no ISO 4217 code"):
        propose(put("orders.csv", HEAD + lines()), ask=lambda question: "x", currency="")


def test_open_questions_come_before_answers_that_fit_none() -> None:
    answers = Answers({"typo": "1"})
    assert answers.settle(Question("a.b", "Which?", (("x", "this"), ("y", "that")), suggestion="y")) == "y"
    with pytest.raises(ConfigError, match=r'Which\?\n    --answer "a\.b=x" or --answer "a\.b=y"'):
        answers.finish()
    with pytest.raises(ConfigError, match="--answer typo: nothing of that name is asked here"):
        Answers({"typo": "1"}).finish()


@pytest.mark.parametrize("late, order", [("13/4/2025", "day"), ("4/13/2025", "month")])
def test_a_row_far_down_decides_beside_dates_with_the_year_in_front(late, order, put, propose) -> None:
    text = "C1,O1,2025-04-25,1.50\nC1,O1,3/4/2025,1.50\n" * 95_000
    proposal = propose(put("orders.csv", HEAD + text + f"C1,O2,{late},1.50\n" + text))
    assert proposal.tables[0].why["date_format"] == [f"the {order} comes first: in 1 row that number is over 12"]
