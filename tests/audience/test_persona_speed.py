"""All personas of the grocery panel from ready segments, in time."""

import datetime as dt
import time
from pathlib import Path

import pytest

from custaudience import open_study
from custaudience.audience import PersonaSources, build_personas
from custaudience.customers import customer_features
from custaudience.customers.drivers.study import discount_column
from custaudience.customers.features.features import category_sales, counted_orders
from custaudience.evidence import Terms
from custaudience.recipes import segments_at

GROCERY, AS_OF = Path(__file__).parents[2] / "data" / "grocery", dt.date(2017, 12, 31)


@pytest.mark.slow
def test_all_personas_of_the_panel_take_under_two_seconds() -> None:
    study = open_study(GROCERY)
    lines, products = study.table("transactions"), study.table("products")
    features = customer_features(lines, study.table("customers"), products, terms=Terms(AS_OF), n_categories=8)
    labels = segments_at(study, AS_OF).set_index("customer_id")["segment"]
    counted = counted_orders(study.orders(AS_OF), until=AS_OF)
    sales = category_sales(lines, counted, products, discount=discount_column(lines))
    seconds = []
    for _ in range(3):
        start = time.process_time()  # other work of the machine does not count
        personas = build_personas(PersonaSources(features, labels, sales), study.terms(AS_OF))
        seconds.append(time.process_time() - start)
    assert len(personas) == 9 and min(seconds) < 2
