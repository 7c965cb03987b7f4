"""A made-up shop small enough to be recounted by hand: three segments that differ where it is planted."""

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from custaudience.audience import Persona, PersonaFrame, PersonaSources, build_personas
from custaudience.customers.features.features import CustomerFeatures
from custaudience.evidence import Terms

AS_OF = dt.date(2025, 10, 31)
CATEGORIES = ("Bread", "Fish", "Paint")
TERMS, FRAME = Terms(AS_OF, "EUR"), PersonaFrame()


def features_of(table: pd.DataFrame, attributes: tuple[str, ...] = ()) -> CustomerFeatures:
    columns = [c for c in table if c != "customer_id"]
    dictionary = pd.DataFrame(
        {"column": columns, "meaning": "", "unit": "",
         "kind": ["attribute" if c in attributes else "behaviour" for c in columns],
         "type": "numeric",
         "share_known": 1.0}
    )  # fmt: skip
    return CustomerFeatures(
        table=table, dictionary=dictionary, left_out=pd.DataFrame(columns=["column", "reason"]), categories=(),
        as_of=AS_OF, until=AS_OF, n_without_order=0,
    )  # fmt: skip


def shop(n: int = 300, *, seed: int = 1, sizes: tuple[float, float] = (0.3, 0.4)) -> dict[str, Any]:
    """Return matrix, labels and category sales; segment "alpha" spends more, on fish, and is older."""
    rng = np.random.default_rng(seed)
    ids = [f"secret-{i:05d}" for i in range(n)]
    first, second = (int(n * share) for share in sizes)
    labels = np.array(["alpha"] * first + ["beta"] * second + ["gamma"] * (n - first - second), dtype=object)
    alpha = labels == "alpha"
    table = pd.DataFrame(
        {"customer_id": ids,
         "n_orders": rng.poisson(np.where(alpha, 9, 4), n) + 1,
         "revenue_total": np.round(rng.gamma(4, np.where(alpha, 60, 25), n), 2),
         "revenue_per_order": np.round(rng.gamma(5, 6, n), 2),
         "days_since_last_order": rng.integers(0, 90, n).astype(float),
         "lines_per_order": rng.gamma(6, 0.5, n),
         "weekend_share": rng.beta(2, 4, n),
         "discounted_share": rng.beta(np.where(alpha, 1, 4), 6, n),
         "age": pd.Categorical(np.where(rng.random(n) < np.where(alpha, 0.7, 0.3), "45-54", "25-34"), ordered=True),
         "channel": np.where(rng.random(n) < 0.5, "Search", "Friends")}
    )  # fmt: skip
    rows = []
    for i, customer in enumerate(ids):
        weights = rng.dirichlet([4, 8, 1] if alpha[i] else [4, 2, 1])
        for category, weight in zip(CATEGORIES, weights, strict=True):
            rows.append((customer, category, round(100 * float(table["revenue_total"][i]) * weight)))
    return {
        "features": features_of(table, ("age", "channel")),
        "labels": pd.Series(labels, index=ids, dtype="str"),
        "sales": pd.DataFrame(rows, columns=["customer_id", "category", "sales_minor"]),
    }


def sources_of(made: dict[str, Any], **changes: Any) -> PersonaSources:
    """Return what personas of a made-up shop are measured from, without `category_sales` where they are None."""
    given = {"features": made["features"], "labels": made["labels"], "category_sales": made["sales"]} | changes
    return PersonaSources(**given)


def personas_of(made: dict[str, Any], terms: Terms = TERMS, *, frame: PersonaFrame = FRAME,
                **changes: Any) -> tuple[Persona, ...]:  # fmt: skip
    return build_personas(sources_of(made, **changes), terms, frame)
