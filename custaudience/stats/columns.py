"""How a column is read: as numbers, or as categories."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from custaudience.errors import DataError


def as_numbers(values: pd.Series) -> np.ndarray:
    """Return a numeric or yes-no column as float64, missing as NaN."""
    return values.to_numpy(dtype="float64", na_value=np.nan)


def kind_of(values: pd.Series) -> Literal["number", "category", "ordered"]:
    """Return how a column is read, by its type.

    Raises
    ------
    DataError
        If it holds dates or spans of time.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        return "ordered" if values.cat.ordered else "category"
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        raise DataError(f"column {values.name!r} holds dates. Give a number of days instead, counted to as_of.")
    return "number" if pd.api.types.is_numeric_dtype(values) else "category"
