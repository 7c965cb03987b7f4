"""How far several people's descriptions of the same customers agree, the disputed fields first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from custaudience.audience.personas.words import plain_text
from custaudience.errors import ColumnError, DataError, near_miss

_COLUMNS = ("person", "field", "value")


def team_agreement(descriptions: pd.DataFrame) -> pd.DataFrame:
    """Measure how far people who describe the same personas mean the same.

    Parameters
    ----------
    descriptions : DataFrame
        ``person``, ``field``, ``value``, and ``persona`` where several are described; one row per answer. Empty
        values are not answers. Large and small letters do not matter.

    Returns
    -------
    DataFrame, one row per field, the least agreed first, and ``all fields`` last
        ``field``; ``n_people``, ``n_personas`` (with two answers or more); ``agreement`` (share of pairs of answers
        that agree); ``alpha`` (Krippendorff's, nominal: 1 = all agree, 0 = no more than chance; NaN with fewer than
        two personas, or where all gave the same answer to everything); ``answers`` (each with how many gave it).

    Raises
    ------
    ColumnError
        If a column is missing.
    DataError
        If a person answers a field of a persona twice, or fewer than two people answer.

    Notes
    -----
    Krippendorff (2011), Computing Krippendorff's Alpha-Reliability. Of all fields together a unit is a field of a
    persona, so that alpha can be told for a single persona too.
    """
    for column in _COLUMNS:
        if column not in descriptions:
            raise ColumnError(f"descriptions: column {column!r} not found.{near_miss(column, descriptions.columns)}")
    table = descriptions.assign(persona=descriptions["persona"] if "persona" in descriptions else "")
    table = table.assign(value=table["value"].map(lambda v: "" if pd.isna(v) else plain_text(v).casefold()))
    table = table[table["value"] != ""]
    if table.duplicated(["person", "persona", "field"]).any():
        raise DataError("descriptions: a person answers the same field twice. Keep one row per person and field.")
    if table["person"].nunique() < 2:
        raise DataError("descriptions: fewer than two people answered, so there is nothing to compare.")
    rows = [_row(str(field), part, ["persona"]) for field, part in table.groupby("field")]
    found = pd.DataFrame(rows).sort_values(["agreement", "alpha", "field"], na_position="first", kind="stable")
    return pd.concat([found, pd.DataFrame([_row("all fields", table, ["persona", "field"])])], ignore_index=True)


def _row(field: str, table: pd.DataFrame, unit: list[str]) -> dict[str, object]:
    units = [list(part) for _key, part in table.groupby(unit)["value"]]
    counts = Counter(table["value"])
    shown = "; ".join(f"{value} ({n})" for value, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])))
    pairs, agree = (table.groupby(by).size().map(lambda n: n * (n - 1)).sum() for by in (unit, [*unit, "value"]))
    return {
        "field": field, "n_people": table["person"].nunique(),
        "n_personas": table.groupby("persona")["person"].nunique().ge(2).sum(),
        "agreement": agree / pairs if pairs else float("nan"),
        "alpha": krippendorff_alpha(units) if sum(len(values) > 1 for values in units) > 1 else np.nan,
        "answers": shown if len(unit) == 1 else "",
    }  # fmt: skip


def krippendorff_alpha(units: Iterable[Sequence[object]]) -> float:
    """Return Krippendorff's alpha for nominal values: for each thing described, the values people gave.

    NaN when fewer than two values can be paired, or all of them are the same.

    Examples
    --------
    >>> round(krippendorff_alpha([["a", "a"], ["b", "b"], ["a", "b"]]), 3)
    0.444
    """
    observed, totals = 0.0, Counter[object]()
    for values in units:
        m = len(values)
        if m < 2:
            continue  # a value nobody can be compared with
        counts = Counter(values)
        totals.update(counts)
        observed += sum(n * (m - n) for n in counts.values()) / (m - 1)
    n = totals.total()
    expected = sum(count * (n - count) for count in totals.values()) / (n - 1) if n > 1 else 0.0
    return 1 - observed / expected if expected else float("nan")
