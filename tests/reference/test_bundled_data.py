"""The bundled data are the files their READMEs describe: bytes, counts and sums.

DuckDB and the standard library only, never our own reader: these numbers are what the reader is held to.
"""

import hashlib
import re
import runpy
import tomllib
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
GROCERY, CDNOW = DATA / "grocery", DATA / "cdnow"
NOT_DATA = {"README.md", "study.toml", "make_transactions.py"}
FUEL = "product_type = 'GASOLINE-REG UNLEADED'"


@pytest.fixture(scope="module")
def grocery():
    """Return a connection with a view per file, and `t`: transactions with cents and the local time."""
    db = duckdb.connect()
    for path in GROCERY.glob("*.parquet"):
        db.execute(f"create view {path.stem} as from read_parquet('{path.as_posix()}')")
    db.execute(
        """create view t as select *, cast(round(sales_value * 100) as bigint) as cents,
           (transaction_timestamp at time zone 'UTC') at time zone 'America/New_York' as local_time
           from transactions"""
    )
    return db


@pytest.fixture(scope="module")
def sample():
    """Return the raw lines: master id, sample id, date, CDs, dollars."""
    return [line.split() for line in (CDNOW / "CDNOW_sample.txt").read_text("ascii").splitlines()]


def row(db, sql):
    return db.execute(sql).fetchall()[0]


def cents(dollars):
    whole, part = dollars.split(".")
    return int(whole) * 100 + int(part)


@pytest.mark.parametrize("folder", [GROCERY, CDNOW], ids=lambda folder: folder.name)
def test_every_file_has_the_checksum_its_readme_lists(folder):
    text = (folder / "README.md").read_text("utf-8")
    listed = {name: digest for digest, name in re.findall(r"^    ([0-9a-f]{64})  (\S+)$", text, re.M)}
    present = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file() and path.name not in NOT_DATA
    }
    assert listed == present


@pytest.mark.parametrize("folder", [GROCERY, CDNOW], ids=lambda folder: folder.name)
def test_the_readme_describes_every_column(folder):
    text = (folder / "README.md").read_text("utf-8")
    for path in [*folder.glob("*.parquet"), *folder.glob("*.csv")]:
        reader = "read_parquet" if path.suffix == ".parquet" else "read_csv"
        described = duckdb.sql(f"describe from {reader}('{path.as_posix()}')").fetchall()
        assert [name for name, *_ in described if name not in text] == [], path.name


def test_make_transactions_gives_the_same_bytes_again(tmp_path):
    make = runpy.run_path(str(CDNOW / "make_transactions.py"))["make_transactions"]
    assert make(CDNOW / "CDNOW_sample.txt", tmp_path / "transactions.csv") == 6919
    assert (tmp_path / "transactions.csv").read_bytes() == (CDNOW / "transactions.csv").read_bytes()


def test_transactions_csv_holds_the_values_of_the_raw_lines(sample):
    lines = (CDNOW / "transactions.csv").read_text("utf-8").splitlines()
    assert lines[0] == "customer_id,master_id,date,cds,dollars"
    assert [line.split(",") for line in lines[1:]] == [[b, a, *rest] for a, b, *rest in sample]


def test_cdnow_as_published(sample):
    days: dict[str, set[str]] = defaultdict(set)
    days_with_sales: dict[str, set[str]] = defaultdict(set)
    for _, customer, day, _, dollars in sample:
        days[customer].add(day)
        if cents(dollars) > 0:
            days_with_sales[customer].add(day)
    assert len(sample) == 6919
    assert sorted(days) == [f"{i:04d}" for i in range(1, 2358)]
    assert sum(cents(line[4]) == 0 for line in sample) == 8
    assert (min(line[2] for line in sample), max(line[2] for line in sample)) == ("19970101", "19980630")
    assert max(min(d) for d in days.values()) == "19970325"
    assert sum(map(len, days.values())) == 6696
    assert sum(map(len, days_with_sales.values())) == 6688
    assert sum(len(d) == 1 for d in days.values()) == 1218
    assert len(days_with_sales) == 2349
    assert sum(len(d) == 1 for d in days_with_sales.values()) == 1210
    assert sum(cents(line[4]) for line in sample) == 24409194


def test_the_sample_is_a_tenth_of_the_master_file(sample):
    header, *master = [line.split() for line in (CDNOW / "CDNOW_master.txt").read_text("ascii").splitlines()]
    assert header == ["customer_id", "date", "number_of_cds", "dollar_value"]
    assert (len(master), len({line[0] for line in master})) == (69659, 23570)
    chosen = {line[0] for line in sample}
    assert len(chosen) == 2357
    of_chosen = sorted(line for line in master if line[0] in chosen)
    assert of_chosen == sorted([a, *rest] for a, _, *rest in sample)
    days: dict[str, set[str]] = defaultdict(set)
    for customer, day, *_ in master:
        days[customer].add(day)
    assert round(sum(len(d) == 1 for d in days.values()) / 23570, 3) == 0.511
    assert max(min(d) for d in days.values()) == "19970325"
    assert sum(cents(line[3]) for line in master) == 250031563


@pytest.mark.parametrize("folder", [GROCERY, CDNOW], ids=lambda folder: folder.name)
def test_controls_agree_with_the_raw_files(folder, grocery, sample):
    control = tomllib.loads((folder / "study.toml").read_text("utf-8"))["control"]
    for key, expected in control.items():
        kind, _, month = key.partition(".")
        if kind == "rows":
            n = len(sample) if folder == CDNOW else row(grocery, "select count(*) from t")[0]
            assert n == expected
        elif folder == CDNOW:
            raw = sum(cents(line[4]) for line in sample if line[2][:6] == month.replace("-", ""))
            assert raw / 100 == expected
        else:
            raw = row(grocery, f"select sum(cents) from t where strftime(local_time, '%Y-%m') = '{month}'")[0]
            assert int(raw) // 100 == expected  # the books are in whole dollars


@pytest.mark.parametrize(
    ("table", "rows"),
    [("transactions", 1469307), ("products", 92331), ("demographics", 801), ("campaigns", 6589),
     ("campaign_descriptions", 27), ("coupons", 116204), ("coupon_redemptions", 2102)]
)  # fmt: skip
def test_grocery_tables_have_the_published_number_of_rows(grocery, table, rows):
    assert row(grocery, f"select count(*) from {table}")[0] == rows


def test_grocery_time_is_utc(grocery):
    assert row(
        grocery,
        """select count(*) filter (year(transaction_timestamp) = 2018),
           count(*) filter (year(local_time) <> 2017),
           count(*) filter (local_time::date <> transaction_timestamp::date),
           count(distinct local_time::date) from t""",
    ) == (534, 0, 250533, 364)
    unmatched = """select count(*) from (select distinct household_id, redemption_date::date as day
                   from coupon_redemptions) anti join (select household_id, {}::date as day from t)
                   using (household_id, day)"""
    assert row(grocery, unmatched.format("local_time"))[0] == 0
    assert row(grocery, unmatched.format("transaction_timestamp"))[0] == 123


def test_grocery_fuel_is_not_counted_in_items(grocery):
    groups = grocery.execute(
        f"""select department, product_category, count(*), sum(quantity)::bigint, sum(cents)::bigint
            from t join products using (product_id) where {FUEL} group by 1, 2 order by 3 desc"""
    ).fetchall()
    assert groups == [
        ("FUEL", "COUPON/MISC ITEMS", 11833, 129561576, 30966750),
        ("MISCELLANEOUS", "COUPON/MISC ITEMS", 1700, 21357640, 5444962),
        ("FUEL", "FUEL", 1164, 101364, 1992695),
    ]
    other = f"from t left join products using (product_id) where ({FUEL}) is not true"
    assert row(grocery, f"select max(quantity), count(*) filter (quantity > 100) {other}") == (144, 1)
    assert row(grocery, "select sum(quantity)::bigint from t")[0] == 152923108


def test_grocery_lines_and_baskets_of_zero(grocery):
    assert row(
        grocery,
        """select count(*) filter (cents = 0), count(*) filter (quantity = 0),
           count(*) filter (cents = 0 and quantity = 0), min(sales_value) from t""",
    ) == (11246, 8869, 8840, 0.0)
    assert row(
        grocery,
        """select count(*), count(*) filter (total > 0), count(distinct household_id) filter (total > 0)
           from (select basket_id, household_id, sum(cents) as total from t group by 1, 2)""",
    ) == (155848, 155370, 2469)
    assert row(grocery, "select count(*) from t anti join products using (product_id)")[0] == 4836


def test_grocery_demographics_are_of_the_heavy_buyers(grocery):
    households = grocery.execute(
        """select household_id in (select household_id from demographics) as known, count(*), avg(spent),
           median(spent), median(visits), sum(spent) from (select household_id, sum(cents) / 100 as spent,
           count(distinct basket_id) as visits from t group by 1) group by 1 order by 1"""
    ).fetchall()
    (_, n_other, mean_other, median_other, visits_other, total_other) = households[0]
    (_, n, mean, median, visits, total) = households[1]
    assert (n, n_other, visits, visits_other) == (801, 1668, 81, 27)
    assert (round(mean, 2), round(mean_other, 2)) == (3277.13, 1181.69)
    assert (round(median, 2), round(median_other, 2)) == (2635.03, 710.97)
    assert round(total / (total + total_other), 3) == 0.571


def test_grocery_campaigns_are_targeted_and_some_censored(grocery):
    spent = grocery.execute(
        """select household_id in (select household_id from campaigns), count(*), sum(cents)::bigint,
           median(january) / 100 from (select household_id, sum(cents) as cents, coalesce(sum(cents)
           filter (local_time < '2017-02-01'), 0) as january from t group by 1) group by 1 order by 1"""
    ).fetchall()
    assert [(n, round(median, 2)) for _, n, _, median in spent] == [(910, 6.99), (1559, 165.16)]
    assert round(spent[1][2] / (spent[0][2] + spent[1][2]), 3) == 0.883
    ids = "select list(campaign_id order by campaign_id) from campaign_descriptions where "
    assert row(grocery, ids + "start_date < '2017-01-01'")[0] == [24, 25, 26]
    assert row(grocery, ids + "end_date > '2017-12-31'")[0] == [15, 20, 21, 22, 23]
    assert row(
        grocery,
        """select count(*) filter (redemption_date not between start_date and end_date),
           count(distinct household_id), count(distinct campaign_id)
           from coupon_redemptions join campaign_descriptions using (campaign_id)""",
    ) == (0, 410, 26)


def test_grocery_history_is_cut_off_on_the_left(grocery):
    assert row(
        grocery,
        """select count(*) filter (first < '2017-02-01'), count(*) filter (first >= '2017-04-01'), count(*)
           from (select min(local_time) as first from t group by household_id)""",
    ) == (1983, 189, 2469)
