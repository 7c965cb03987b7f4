"""What `custaudience check` prints."""

import tomllib
from pathlib import Path

import pandas as pd
import pytest

from custaudience.reports.studies import describe_study, month_lines

HEAD = "customer_id,order_id,ordered_at,revenue\n"
SALES = """a,1,2025-01-01 10:00:00,1100.00
b,2,2025-01-20 11:00:00,60.50
b,2,2025-01-22 09:00:00,-10.05
a,4,2025-02-01 00:30:00,40.00
d,5,2025-02-28 12:00:00,80.00
a,6,2025-03-01 12:00:00,7.00
"""


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes a study and says what `check` prints of it."""
    monkeypatch.setenv("CUSTAUDIENCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "40")

    def described(content: str = SALES, *, table: str = "", study: str = "", control: str = "") -> str:
        place = tmp_path / "shop"
        place.mkdir(exist_ok=True)
        (place / "orders.csv").write_text(HEAD + content, encoding="utf-8")
        (place / "study.toml").write_text(
            f'[study]\nname = "Shop"\ncurrency = "EUR"\ntimezone = "Europe/Kyiv"\n{study}\n'
            f'[tables.transactions]\npath = "orders.csv"\n{table}\n{control}\n',
            encoding="utf-8",
        )
        text = describe_study(place).replace("\N{NO-BREAK SPACE}", " ")
        assert max(map(len, text.splitlines())) <= 100
        return text

    return described


def section(text: str, title: str) -> list[str]:
    return text.split(f"\n\n{title}", 1)[1].split("\n\n", 1)[0].splitlines()[1:]


def test_months_stand_in_columns_with_what_differs_marked_in_words(check) -> None:
    text = check(control='[control]\n"revenue.2025-01" = 1150.45\n"revenue.2025-02" = 80')
    assert text.startswith("Shop (shop), as of 2025-02-28\n  transactions: 6 rows read, 6 used, 0 set aside\n")
    assert section(text, "Revenue by month, EUR") == [
        "  month    rows  customers  orders     gross  refunds       net   control  difference",
        "  2025-01     3          2       2  1,160.50    10.05  1,150.45  1,150.45      agrees",
        "  2025-02     2          2       2    120.00     0.00    120.00     80.00    ! +40.00",
        "  2025-03     1          1       1      7.00     0.00      7.00",
        "  total       6                  5  1,287.50    10.05  1,277.45",
        "  The data end on 2025-03-01: 2025-03 is not complete. If the export covers all of it, say so under",
        '    [study]: complete_until = "2025-03-31".',
    ]
    assert section(text, "Totals of the books") == [
        "  Revenue of January 2025 agrees with the control total: €1,150.",
        "  ! Revenue of February 2025 does not agree with the control total: €120.00 found, €80.00 expected.",
        "    - It would be explained, to the last digit, if the books cut months at midnight of UTC, not of",
        '      Europe/Kyiv: ask finance for months of Europe/Kyiv, or set timezone = "UTC" under [study].',
    ]


def test_without_a_control_lines_to_paste_wait_for_finance(check) -> None:
    text = check()
    told = " ".join(" ".join(section(text, "Totals of the books")).split())
    assert "Ask finance for the revenue of these months, after refunds." in told
    pasted = text.split("\n\n  [control]\n")[1].split("\n\n")[0]
    assert pasted.splitlines() == [
        '  # "revenue.2025-01" = 1150.45   # not yet confirmed',
        '  # "revenue.2025-02" = 120.00   # not yet confirmed',
    ]
    assert tomllib.loads("[control]\n" + pasted) == {"control": {}}
    confirmed = pasted.replace('  # "', '"')
    assert "Revenue of February 2025 agrees" in check(control="[control]\n" + confirmed)


def test_what_is_in_no_column_is_said_under_the_table(check) -> None:
    odd = SALES + ",7,2025-01-05 10:00:00,50.00\nx,8,2025-02-30,31.00\ny,9,2025-02-11,5.00\n,,2025-01-06,z\n"
    text = check(
        odd,
        study="max_quarantined = 0.5\nmax_money_set_aside = 1",
        table='guests = "set aside"\nexclude = { customer_id = ["y"] }',
        control='[control]\n"revenue.2025-01" = 1200.45',
    )  # fmt: skip
    table = section(text, "Revenue by month, EUR")
    assert table[0].split()[6:] == ["net", "guests", "control", "difference"]
    assert table[1].split()[6:] == ["1,150.45", "50.00", "1,200.45", "agrees"]
    notes = " ".join(" ".join(table[5:]).split())
    assert "A control of revenue is held against net + guests." in notes
    assert "Left out as study.toml says, and in no column: 5.00 EUR, all of it in 2025-02." in notes
    assert "Set aside as faulty, and in no column: 31.00 EUR, all of it in rows without a readable date." in notes
    assert "Table transactions, column ordered_at: 1 row set aside" in text


def test_notebooks_warnings_and_lines_end_the_page(check) -> None:
    text = check()
    assert "can run: 00_start_here, " in section(text, "Notebooks")[0]
    assert any("1 line is a refund" in line for line in section(text, "To beware of"))


FULL = {"n_rows": 10, "n_customers": 5, "n_orders": 7, "gross": 100.5, "refunds": 0.5, "net": 100.0}
BOOKS = pd.DataFrame(
    {"month": [str(p) for p in pd.period_range("2022-01", periods=30, freq="M")] + [""]}
    | {name: [value] * 30 + [0 * value] for name, value in FULL.items()}
    | {"guests_net": 0.0, "set_aside_net": 0.0, "excluded_net": 0.0}
)
NO_CONTROLS = pd.DataFrame(columns=["key", "expected", "found", "difference", "agrees"])


def test_months_older_than_two_years_are_one_line_unless_they_have_a_control() -> None:
    lines = month_lines(BOOKS, NO_CONTROLS, 2)
    assert lines[1].split() == ["earlier", "60", "42", "603.00", "3.00", "600.00"]
    assert len(lines) == 1 + 1 + 24 + 1 and lines[2].startswith("  2022-07")
    assert lines[-1].split() == ["total", "300", "210", "3,015.00", "15.00", "3,000.00"]
    control = pd.DataFrame([("revenue.2022-02", 90.0, 100.0, 10.0, False)], columns=NO_CONTROLS.columns)
    lines = month_lines(BOOKS, control, 2)
    assert lines[1].split()[:2] == ["earlier", "50"]
    assert lines[2].split()[0] == "2022-02" and lines[2].endswith("! +10.00")


def test_figures_too_wide_for_the_page_are_in_whole_units() -> None:
    wide = BOOKS.assign(
        gross=123_456_789_012.345, net=123_456_789_012.34, refunds=98_765_432.1, guests_net=1_234_567.89
    )
    control = pd.DataFrame([("revenue.2024-06", 1.0, 3.0, 123_456_789_011.34, False)], columns=NO_CONTROLS.columns)
    lines = month_lines(wide, control, 2)
    assert "123,456,789,012 " in lines[-3] and "." not in lines[-3]
    assert (
        lines[-1].strip()
        == "Amounts are shown in whole units; the totals of the books were compared to the last digit."
    )
    assert len({line.rstrip()[:1] for line in lines}) == 1
