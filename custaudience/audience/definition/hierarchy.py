"""Market contains target market contains audience contains persona: checked, and a violation is an error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from custaudience.errors import DataError

LEVELS = ("market", "target market", "audience", "persona")
Group = Any  # a size, or the ids themselves: any collection


@dataclass(frozen=True)
class Hierarchy:
    """How large each level is, from the widest to the narrowest; None = not given."""

    market: float | None
    target_market: float | None
    audience: float | None
    persona: float | None

    @property
    def table(self) -> pd.DataFrame:
        """One row per level given: ``level``, ``size``, ``share`` of the level above that was given."""
        sizes = (self.market, self.target_market, self.audience, self.persona)
        rows = [(level, size) for level, size in zip(LEVELS, sizes, strict=True) if size is not None]
        table = pd.DataFrame(rows, columns=["level", "size"]).astype({"size": "float64"})
        above = table["size"].shift()
        return table.assign(share=table["size"] / above.where(above > 0))


def check_hierarchy(
    *, market: Group = None, target_market: Group = None, audience: Group = None, persona: Group = None
) -> Hierarchy:
    """Check that each level lies within the one above it.

    Parameters
    ----------
    market, target_market, audience : number, or ids of customers or people
        A size, such as one from a market model, or the ids themselves. A level may be left out.
    persona : str, number or ids
        The id of one person, or 1 for a synthetic average.

    Returns
    -------
    Hierarchy

    Raises
    ------
    DataError
        If a level is larger than the one above it, or holds somebody who is not in it; the message names both, and
        never an id.

    Examples
    --------
    >>> check_hierarchy(market=50_000, target_market=3_000, audience=["a", "b", "c"], persona="a").audience
    3.0
    >>> check_hierarchy(target_market=3_000, audience=5_000)
    Traceback (most recent call last):
    custaudience.errors.DataError: the audience (5,000) is larger than the target market (3,000) that must contain it...
    """
    one: Group = [persona] if isinstance(persona, str) else persona
    given = dict(zip(LEVELS, (market, target_market, audience, one), strict=True))
    sizes: dict[str, float | None] = {}
    for level, group in given.items():
        sizes[level] = None if group is None else _size(level, group)
    for i, outer in enumerate(LEVELS):
        for inner in LEVELS[i + 1 :]:
            _check(outer, inner, given, sizes)
    return Hierarchy(sizes["market"], sizes["target market"], sizes["audience"], sizes["persona"])


def _size(level: str, group: Group) -> float:
    if isinstance(group, str) or not isinstance(group, (int, float, np.number, Iterable)) or isinstance(group, bool):
        raise DataError(f"the {level}: expected a size or the ids of its people, came {type(group).__name__}.")
    if isinstance(group, (int, float, np.number)):
        size = float(group)
        if not math.isfinite(size) or size < 0:
            raise DataError(f"the {level}: a size is a number of 0 or more, came {group}.")
        return size
    return float(len(_ids(group)))


def _ids(group: Group) -> pd.Index:
    values = group if isinstance(group, (pd.Index, pd.Series, np.ndarray)) else list(group)
    return pd.Index(values).astype("str").unique()


def _check(outer: str, inner: str, given: dict[str, Group], sizes: dict[str, float | None]) -> None:
    large, small = sizes[outer], sizes[inner]
    if large is None or small is None:
        return
    if small > large:
        raise DataError(
            f"the {inner} ({small:,.0f}) is larger than the {outer} ({large:,.0f}) that must contain it. "
            "Check the figures of both, and whether both count the same unit."
        )
    if not any(isinstance(given[level], (int, float, np.number)) for level in (outer, inner)):
        outside = len(_ids(given[inner]).difference(_ids(given[outer])))
        if outside:
            raise DataError(
                f"the {inner} is not within the {outer}: {outside:,} of its {small:,.0f} are not in it. "
                f"Take them out, or widen the {outer}."
            )
