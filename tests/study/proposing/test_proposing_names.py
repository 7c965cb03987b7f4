"""Headers and words of exports in English, Ukrainian, Russian and Vietnamese."""

import pytest

from custaudience.study.contracts import TABLES
from custaudience.study.proposing.formats import zone_in_header
from custaudience.study.proposing.vocabulary import (
    currency_in_header,
    currency_of,
    is_guest,
    name_score,
    plain_name,
    presets,
    status_of,
    vocabulary,
)

EXPORTS = {
    "en": {
        "customer_id": "Customer ID", "order_id": "Order No.", "ordered_at": "Order Date", "revenue": "Line total",
        "product_id": "SKU", "quantity": "Qty",
    },
    "uk": {
        "customer_id": "Код клієнта", "order_id": "Номер замовлення", "ordered_at": "Дата замовлення",
        "revenue": "Сума, грн", "product_id": "Артикул",
        "quantity": "Кількість", "discount": "Знижка, грн", "unit_price": "Ціна, грн",
    },
    "ru": {
        "customer_id": "Код клиента", "order_id": "Номер заказа", "ordered_at": "Дата заказа", "revenue": "Сумма, руб.",
        "product_id": "Артикул", "quantity": "Количество", "currency": "Валюта",
    },
    "vi": {
        "customer_id": "Mã khách hàng", "order_id": "Mã hóa đơn", "ordered_at": "Ngày bán", "revenue": "Thành tiền",
        "product_id": "Mã hàng", "quantity": "Số lượng", "unit_price": "Đơn giá",
    },
}  # fmt: skip


@pytest.mark.parametrize("language", EXPORTS)
def test_each_header_names_its_column_best(language) -> None:
    names = [column.name for column in TABLES["transactions"].columns]
    for ours, header in EXPORTS[language].items():
        scores = {name: name_score(header, "transactions", name) for name in names}
        assert scores[ours] == 3 == max(scores.values()), (header, scores)
        assert sum(score == 3 for score in scores.values()) == 1


@pytest.mark.parametrize(
    "header, plain", [("Сума, грн", "сума"),
     ("orderDate (UTC)", "order date"),
     ("Order #", "order"),
     ("К-сть", "к сть"),
     ("ecommerce.purchase_revenue", "ecommerce purchase revenue"),
     ("Total, incl. VAT", "total incl vat")],
)  # fmt: skip
def test_a_plain_name(header, plain) -> None:
    assert plain_name(header) == plain


@pytest.mark.parametrize(
    "header, column, sure",
    [("total amount paid", "revenue", True), ("total weight", "revenue", False),
     ("date of birth", "ordered_at", False), ("name", "customer_id", False), ("E-mail", "customer_id", True),
     ("colour", "revenue", False)],
)  # fmt: skip
def test_a_name_is_sure_when_it_is_most_of_the_header(header, column, sure) -> None:
    assert (name_score(header, "transactions", column) > 1.7) is sure


def test_vocabulary_names_our_columns_only_and_each_word_in_the_form_that_is_compared() -> None:
    words = vocabulary()
    others = {"status", "guests", "organisations", "currencies", "zones", "meanings"}
    for table, columns in ((name, words[name]) for name in words if name not in others):
        assert set(columns) <= {column.name for column in TABLES[table].columns}
        for column, kinds in columns.items():
            assert set(kinds) <= {"names", "hints", "guesses"}
            for name in (name for names in kinds.values() for name in names):
                assert plain_name(name) == name, (table, column, name)
    for kind in ("columns", "left_out", "refunds", "unsure", "sales"):
        assert all(plain_name(word) == word for word in words["status"][kind]), kind


def test_no_status_is_two_things() -> None:
    words = vocabulary()["status"]
    every = [word for kind in ("left_out", "refunds", "unsure", "sales") for word in words[kind]]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    "value, kind",
    [("Cancelled", "left_out"), ("Скасовано", "left_out"), ("Đã hủy", "left_out"), ("возврат", "refunds"),
     ("On hold", "unsure"), ("Paid", "sales"), ("Hoàn thành", "sales"), ("teal", "")],
)  # fmt: skip
def test_statuses(value, kind) -> None:
    assert status_of(value) == kind


@pytest.mark.parametrize("name", ["0", "Guest", "Гість", "Khách lẻ", " walk-in "])
def test_guests(name) -> None:
    assert is_guest(name)


@pytest.mark.parametrize(
    "header, code",
    [("Сума, грн", "UAH"), ("Amount spent (USD)", "USD"), ("Total [€]", "EUR"), ("Created (UTC)", ""), ("Total", "")],
)
def test_a_currency_in_a_header(header, code) -> None:
    assert currency_in_header(header) == code


def test_a_sign_of_a_currency() -> None:
    assert [currency_of(sign) for sign in ("₴", "грн.", "VNĐ", "x", "")] == ["UAH", "UAH", "VND", "", ""]


@pytest.mark.parametrize(
    "header, zone",
    [("Created (UTC)", "UTC"), ("created_at_utc", "UTC"), ("Time (Europe/Kyiv)", "Europe/Kyiv"), ("Date (paid)", "")],
)
def test_a_zone_in_a_header(header, zone) -> None:
    assert zone_in_header(header) == zone


def test_every_preset_can_be_loaded() -> None:
    assert len(presets()) >= 9 and all(preset.table in TABLES for preset in presets().values())
