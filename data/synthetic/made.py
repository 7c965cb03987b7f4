"""What a maker of a synthetic study returns."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class SyntheticStudy:
    """A made-up export and what was planted in it.

    Attributes
    ----------
    name : str
        Folder of the study, "shop" or "b2b".
    seed : int
    tables : dict of str to DataFrame
        By file name, the columns and values as the file holds them (text for CSV, typed for XLSX).
    truth : dict of str to DataFrame
        What no export would tell: see the maker.
    """

    name: str
    seed: int
    tables: dict[str, pd.DataFrame]
    truth: dict[str, pd.DataFrame]
