"""What people read of a proposal: on the terminal, in study.toml, in the data dictionary."""

import tomllib

import pytest
from order_lines import HEAD, lines

from custaudience.reports.studies import Talk, Wishes, make_study
from custaudience.study.proposing import describe
from custaudience.study.proposing.proposal import dictionary, study_toml

PEOPLE = [("Олена Коваль", "olena@example.com", "+380 50 123 45 67"), ("John Smith", "John@example.com", "0501234568")]


@pytest.fixture
def people(put, propose):
    """Return a proposal from a file that is full of people, some of them often."""
    head = "Customer ID,Customer name,E-mail,Phone,Sales person,Order,Date,Total,Status,City,Note\n"
    rows = ""
    for k in range(120):
        name, mail, phone = PEOPLE[k % 2]
        person = f"ID-{k % 11},{name},{mail},{phone},Anna Seller"
        rows += f"{person},ORD{k},2024-01-{k % 28 + 1:02d},{k}.50,paid,Kyiv,call {phone}\n"
    return propose(put("orders.csv", head + rows + "Total,,,,,,,7200.00,,,\n"))


def test_the_dictionary_repeats_nobody(people) -> None:
    text = dictionary(people)
    for told in ("Олена", "Коваль", "Smith", "example.com", "123 45 67", "0501234568", "Anna", "ORD1", "ID-1", "Kyiv"):
        assert told not in text, told
    assert "| `Date` | ordered_at | when | all | `2024-01-01`, `2024-01-02`, `2024-01-03` |" in text
    assert "| `Customer ID` | customer_id | who bought | all | 12 different |" in text
    assert "`paid`" in text


def test_each_guess_stands_beside_its_evidence(people) -> None:
    text = describe(people)
    assert max(map(len, text.splitlines())) <= 100
    assert "orders.csv → transactions: 121 rows (1 left out by the rules below), 2024-01-01 to 2024-01-28" in text
    place = text.splitlines().index("  revenue      'Total': by its name")
    assert text.splitlines()[place + 1].strip() == "all 120 rows can be read, such as 0.50, 1.50, 2.50"
    assert "a line of totals at the end: Total; 7200.00" in text
    assert "Status = 'paid', 120 rows: counted (sales)" in text


def test_study_toml_says_why_and_can_be_read(people) -> None:
    text = study_toml(people, {"orders.csv": "../orders.csv"})
    loaded = tomllib.loads(text)
    assert loaded["study"] == {
        "name": "Shop", "currency": "EUR", "timezone": "UTC", "language": "en", "unit": "person"
    }  # fmt: skip
    section = loaded["tables"]["transactions"]
    assert section["path"] == "../orders.csv" and section["exclude"] == {"Customer ID": ["Total"]}
    assert section["columns"]["revenue"] == "Total"
    assert max(len(line) for line in text.splitlines() if line.startswith("#")) <= 125
    assert "olena" not in text and "Anna" not in text


def test_columns_stand_in_the_order_of_the_contract(people) -> None:
    assert list(people.tables[0].columns) == ["customer_id", "order_id", "ordered_at", "revenue"]


def test_a_name_is_no_markup(put, propose) -> None:
    proposal = propose(put("orders.csv", HEAD + lines()))
    proposal.study["name"] = "<script>alert(1)</script> [x](y) #1"
    title = dictionary(proposal).splitlines()[0]
    assert title == "# &lt;script>alert(1)&lt;/script> \\[x\\](y) \\#1: data dictionary"


def test_a_terminal_is_not_told_what_to_do(put, propose) -> None:
    text = describe(propose(put("orders.csv", HEAD + "\x1b[31mC1,O1,2024-01-01,5.50\n" * 30)))
    assert "\x1b" not in text and "[31mC1" in text


@pytest.mark.parametrize("empty, share", [(0, "all"), (1, "99%"), (119, "1%"), (120, "none")])
def test_a_share_is_never_rounded_to_all_or_none(empty, share, put, propose) -> None:
    text = (
        HEAD.strip() + ",note\n" + "".join(f"C1,O{k},2024-01-01,5.5,{'' if k < empty else 'x'}\n" for k in range(120))
    )
    row = next(line for line in dictionary(propose(put("o.csv", text))).splitlines() if line.startswith("| `note`"))
    assert f"| {share} |" in row


def test_a_large_number_of_columns_fits_the_terminal(put, propose) -> None:
    long = "a very long name of a column " * 20
    proposal = propose(put("orders.csv", f"client,date,total,{long}\n" + "C1,2024-01-01,5.5,x\n" * 30))
    assert max(map(len, describe(proposal).splitlines())) <= 100


def test_what_is_not_used_is_said(put, propose) -> None:
    text = "buyer;Date;Total;Colour\n" + "".join(f"C{k % 9};2024-01-{k % 28 + 1:02d};{k}.50;red\n" for k in range(60))
    said = describe(propose(put("orders.csv", text), transactions__customer_id="buyer"))
    assert "  not used, carried along: Colour" in said.splitlines()
    assert "what a customer buys on one day counts as one order" in " ".join(said.split())


def test_a_file_of_customers_alone_is_said_to_say_nothing_of_buying(put, tmp_path) -> None:
    people = put("people.csv", "customer_id,city\n" + "".join(f"C{k},Kyiv\n" for k in range(60)))
    said: list[str] = []
    make_study(tmp_path / "study", [people], Wishes({"currency": "EUR"}), Talk(say=said.append))
    assert "no order lines among these files" in said[-1]
