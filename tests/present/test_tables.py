import pandas as pd
import pytest

from custaudience.errors import ColumnError
from custaudience.present.tables import fewer_than, table

FRAME = pd.DataFrame(
    {"segment": ["Champions", "<script>alert(1)</script>"], "n_customers": pd.array([1402, None], dtype="Int64"),
     "share": [0.163, None], "change": [-0.2, 0.03]}
)  # fmt: skip


def test_figures_are_written_and_small_groups_named():
    shown = table(FRAME, formats={"share": "percent", "change": "signed_percent1"}, min_group_size=10)
    assert shown.rows[0] == ("Champions", "1,402", "16\u00a0%", "−20.0\u00a0%")
    assert shown.rows[1][1:3] == ("fewer than\u00a010", "–")


def test_html_is_escaped_scoped_and_named():
    html = table(FRAME, caption='Who "buys" & <what>')._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html
    assert "<caption>Who &#34;buys&#34; &amp; &lt;what&gt;</caption>" in html
    assert html.count('scope="col"') == 4 and html.count('scope="row"') == 2
    assert "mathjax_ignore" in html  # "$" in a notebook is money, not a formula


def test_text_is_the_same_every_time_and_has_no_address():
    shown = table(FRAME[["segment", "n_customers"]].head(1), caption="Segments")
    assert repr(shown) == "Segments\nsegment    n customers\n---------  -----------\nChampions        1,402"


def test_language_headings_and_index():
    frame = pd.DataFrame({"revenue": [12.5]}, index=pd.Index(["at_risk"], name="segment"))
    shown = table(
        frame, formats={"revenue": "money", "segment": "term"}, labels={"revenue": "Revenue", "segment": "Segment"},
        currency="UAH", language="uk"
    )  # fmt: skip
    assert shown.head == ("Сегмент", "Виторг")
    assert shown.rows == (("Під загрозою", "12,50\u00a0₴"),)


def test_a_sign_may_be_asked_for():
    frame = pd.DataFrame({"joined": [3, -2, 0]})
    assert table(frame, formats={"joined": "+count"}).rows == (("+3",), ("−2",), ("0",))


def test_an_empty_table_has_its_headings():
    assert table(FRAME.head(0)).rows == ()
    assert "n customers" in repr(table(FRAME.head(0)))


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(ColumnError, match=r"no column 'shares'\. Did you mean 'share'"):
        table(FRAME, formats={"shares": "percent"})


def test_fewer_than_in_ukrainian():
    assert fewer_than(10, "uk") == "менш як\u00a010"
