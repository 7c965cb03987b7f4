"""The table of the notebooks' parameters: name, type, default, bounds and help, by notebook slug."""

from __future__ import annotations

import datetime as dt
import math
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from custaudience.errors import ParameterError, near_miss

Kind = Literal["folder", "date", "str", "int", "float", "bool"]
_TYPES: dict[Kind, str] = {"folder": "str", "date": "str"}
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_YES, _NO = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook; `low` and `high` are inclusive."""

    name: str
    kind: Kind
    default: str | int | float | bool
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()

    @property
    def annotation(self) -> str:
        """The type as the parameters cell writes it."""
        return _TYPES.get(self.kind, self.kind)

    @property
    def expected(self) -> str:
        """What is allowed, in words."""
        words = {
            "folder": "the path of a folder, as text",
            "date": "a date as text, YYYY-MM-DD",
            "str": "text",
            "int": "a whole number",
            "float": "a number",
            "bool": "true or false",
        }[self.kind]
        if self.choices:
            return "one of " + ", ".join(self.choices)
        return words if self.low is None else f"{words} from {self.low:g} to {self.high:g}"

    def check(self, value: object) -> Any:
        """Return `value` if it is of the declared type and within bounds; dates come back as date or None.

        Raises
        ------
        ParameterError
            Naming what was expected and what came.
        """
        if self.kind in ("folder", "date", "str"):
            return self._check_text(value)
        wanted: tuple[type, ...] = {"int": (int,), "float": (float, int), "bool": (bool,)}[self.kind]
        if not isinstance(value, wanted) or (isinstance(value, bool) and self.kind != "bool"):
            raise self._error(value)
        if self.kind != "bool":
            number = float(value)  # type: ignore[arg-type]
            if not math.isfinite(number) or not (
                (self.low is None or number >= self.low) and (self.high is None or number <= self.high)
            ):
                raise self._error(value)
        return float(value) if self.kind == "float" else value  # type: ignore[arg-type]

    def convert(self, text: str) -> Any:
        """Return the value that the text of a command line stands for, checked.

        By the declared type, not by guessing: ``007`` stays text where text is declared.
        """
        text = text.strip()
        try:
            if self.kind == "int":
                return self.check(int(text) if re.fullmatch(r"[+-]?\d+", text) else text)
            if self.kind == "float":
                return self.check(float(text) if "_" not in text else text)
        except ValueError:
            raise self._error(text) from None
        if self.kind == "bool" and text.lower() in _YES | _NO:
            return text.lower() in _YES
        return self.check(text)

    def _check_text(self, value: object) -> Any:
        if isinstance(value, (int, float)):
            raise ParameterError(
                f"{self.name} = {value!r} is a number, but {self.expected} is expected. "
                f'Did you forget the quotes? Write {self.name} = "{_example(self)}".'
            )
        if self.kind == "date":
            return self._check_date(value)
        if self.kind == "folder" and isinstance(value, os.PathLike):
            value = os.fspath(value)
        if not isinstance(value, str) or (self.choices and value not in self.choices):
            raise self._error(value)
        return value

    def _check_date(self, value: object) -> dt.date | None:
        if value is None or value == "":
            return None
        if isinstance(value, dt.datetime):
            return value.date()
        if isinstance(value, dt.date):
            return value
        try:
            if isinstance(value, str) and _ISO_DATE.fullmatch(value):
                return dt.date.fromisoformat(value)
        except ValueError:
            pass
        raise self._error(value)

    def _error(self, value: object) -> ParameterError:
        guess = near_miss(value, self.choices) if isinstance(value, str) else ""
        return ParameterError(f"{self.name} = {value!r} is not {self.expected}.{guess}")


def _example(parameter: Parameter) -> str:
    if parameter.choices:
        return parameter.choices[0]
    return "2017-11-30" if parameter.kind == "date" else str(parameter.default) or "…"


def _declare(study: str, *own: Parameter) -> tuple[Parameter, ...]:
    return (
        Parameter("study", "folder", study, "Folder of the study"),
        Parameter("as_of", "date", "", "Last day that counts, YYYY-MM-DD; empty means end of the last full month"),
        *own,
        Parameter("out", "folder", "", "Folder that tables and claims are published to; empty means nowhere"),
    )


TABLE: dict[str, tuple[Parameter, ...]] = {
    "start_here": _declare("data/grocery"),
    "rfm_and_lifecycle": _declare(
        "data/grocery",
        Parameter("n_scores", "int", 5, "Scores per dimension, from 2 to 10", low=2, high=10),
        Parameter(
            "overdue_share",
            "float",
            0.95,
            "Overdue: silent longer than this share of the customer's own gaps",
            low=0.5,
            high=0.999,
        ),
    ),
    "cohorts": _declare(
        "data/cdnow",
        Parameter("period", "str", "W", "Length of a cohort and a step: W, M or Q", choices=("W", "M", "Q")),
    ),
    "customer_value": _declare(
        "data/cdnow",
        Parameter(
            "calibrated_until",
            "date",
            "",
            "Last day the models see before they are checked, YYYY-MM-DD; empty means the middle of the data",
        ),
        Parameter("time_unit", "str", "W", "Unit of time of the models: D, W or M", choices=("D", "W", "M")),
        Parameter("horizon", "int", 52, "Time ahead that value is stated for, in time units", low=1, high=3650),
        Parameter("margin", "float", 1.0, "Share of revenue that is earned; 1 leaves revenue", low=0.001, high=1),
        Parameter("yearly_discount_rate", "float", 0.1, "Discount of later money: 0.1 is 10 % a year", low=0, high=2),
        Parameter("count_free_orders", "bool", True, "Orders of zero tell when people buy, though not for how much"),
        Parameter(
            "n_draws", "int", 400, "Simulated futures of each customer, for the wide interval", low=100, high=10000
        ),
    ),
    "cross_sell": _declare(
        "data/grocery",
        Parameter(
            "level", "str", "", "Column of the products at which things go together; empty means the finest kind"
        ),
        Parameter("bought", "str", "", "What was bought, several between semicolons; empty means chosen by rule"),
        Parameter("missing", "str", "", "What goes with it, several between semicolons; empty means chosen by rule"),
        Parameter(
            "window_days", "int", 30, "What goes with it may be bought so many days before or after", low=0, high=366
        ),
        Parameter(
            "min_lift", "float", 5.0, "A pair is strong when it is at least so many times as frequent", low=1, high=1000
        ),
        Parameter("min_support", "float", 0.001, "Share of baskets that a pair must stand in", low=0.00001, high=0.5),
    ),
    "whom_to_write_to": _declare(
        "data/shop",
        Parameter("level", "str", "", "Column of the products that names what is bought; empty means the finest kind"),
        Parameter("bought", "str", "", "What was bought, several between semicolons; empty means chosen by rule"),
        Parameter("missing", "str", "", "What goes with it, several between semicolons; empty means chosen by rule"),
        Parameter(
            "window_days", "int", 30, "What goes with it may be bought so many days before or after", low=0, high=366
        ),
        Parameter("hold_out", "float", 0.1, "Share held out at random, as custaudience lists would", low=0, high=0.9),
        Parameter("seed", "int", 1, "Of that draw", low=0, high=1_000_000),
        Parameter("effect", "float", 0.05, "Rise that a hold-out is to show, 0.05 is five points", low=0.001, high=0.9),
    ),
    "campaign_response": _declare(
        "data/grocery",
        Parameter(
            "share_to_show",
            "float",
            0.1,
            "Difference in spending that a test should show, as a share of it",
            low=0.001,
            high=1,
        ),
    ),
    "what_drives_behaviour": _declare(
        "data/grocery",
        Parameter("cut", "date", "", "First day of what is to be explained, YYYY-MM-DD; empty means the last quarter"),
        Parameter(
            "n_categories", "int", 4, "Largest product categories that are looked at, from 0 to 20", low=0, high=20
        ),
        Parameter(
            "n_permutations", "int", 1000, "Permutations per pair at least, from 200 to 20000", low=200, high=20_000
        ),
    ),
    "segments": _declare(
        "data/shop",
        Parameter(
            "view",
            "str",
            "auto",
            "Groups by what people buy (baskets) or how they buy (behaviour); auto takes baskets where it can",
            choices=("auto", "baskets", "behaviour"),
        ),
        Parameter("min_orders", "int", 2, "Orders of a customer from which the search looks at them", low=1, high=20),
        Parameter("most_groups", "int", 8, "The largest number of groups tried", low=2, high=12),
        Parameter("n_categories", "int", 8, "Product categories whose shares are measured", low=2, high=20),
        Parameter("n_runs", "int", 50, "Times customers are drawn anew to see whether groups return", low=10, high=500),
        Parameter("seed", "int", 0, "Start of all random draws", low=0, high=1_000_000),
    ),
    "ideal_customer": _declare(
        "data/grocery",
        Parameter("min_orders", "int", 3, "Loyal: so many orders, or more", low=1, high=1000),
        Parameter("min_span_days", "int", 90, "Loyal: so many days from first order to last", low=0, high=3650),
        Parameter("top_share", "float", 0.2, "Valuable: share of customers with most revenue", low=0.01, high=1),
        Parameter(
            "overdue_share",
            "float",
            0.95,
            "In the own rhythm: silent no longer than this share of the own gaps",
            low=0.5,
            high=0.999,
        ),
        Parameter(
            "satisfaction_column", "str", "", "Column of the survey that tells satisfaction; empty means by its name"
        ),
        Parameter(
            "satisfied_from", "float", 0.0, "Satisfied: this answer or more; 0 means the best two", low=0, high=100
        ),
        Parameter("min_responses", "int", 1, "Engaged: responded to so many campaigns, or more", low=1, high=100),
        Parameter(
            "ask", "str", "all", "Parts that are asked: all that are known, or orders only", choices=("all", "orders")
        ),
        Parameter("months_back", "int", 3, "Months to look back, for what they did since", low=1, high=60),
        Parameter("n_first", "int", 3, "First orders that a rule may look at", low=2, high=20),
        Parameter("n_categories", "int", 8, "Product categories whose shares are compared", low=2, high=20),
        Parameter(
            "definition",
            "str",
            "women aged 18-40 with middle and high income",
            "An audience as somebody wrote it, to be held against the customers; empty means none",
        ),
        Parameter("seed", "int", 0, "Start of all random draws", low=0, high=1_000_000),
    ),
    "personas": _declare(
        "data/grocery",
        Parameter("n_months", "int", 6, "Month ends looked back at, to say since when a persona holds", low=0, high=60),
        Parameter("review_months", "int", 3, "Months after which a persona is looked at again", low=1, high=24),
        Parameter(
            "previous",
            "str",
            "",
            "Absolute path of personas.json of the month before, to keep its names; empty means none",
        ),
    ),
    "what_changed": _declare(
        "data/grocery",
        Parameter(
            "months_back",
            "int",
            1,
            "Months between the two compared: 1 is the month before, 12 the same month last year",
            low=1,
            high=60,
        ),
        Parameter("n_earlier", "int", 24, "Earlier pairs of months to hold the parts against", low=3, high=120),
    ),
}
"""Parameters by notebook slug. Help holds no equals sign: papermill cannot show such a line."""


def declared(slug: str) -> dict[str, Parameter]:
    """Return the parameters of a notebook by name."""
    if slug not in TABLE:
        raise ParameterError(
            f"no notebook '{slug}' in the table of parameters; it has {', '.join(TABLE)}.{near_miss(slug, TABLE)}"
        )
    return {parameter.name: parameter for parameter in TABLE[slug]}


def parameters_cell(slug: str) -> str:
    """Return the source of a notebook's ``parameters`` cell, as the table has it."""
    rows = (f"{p.name}: {p.annotation} = {_literal(p.default)}  # {p.help}" for p in declared(slug).values())
    return "\n".join(rows)


def parameters_cell_faults(source: str, slug: str) -> list[str]:
    """Say where a ``parameters`` cell differs from the table; empty when it agrees."""
    wanted, found = (dict(_lines_by_name(text)) for text in (parameters_cell(slug), source))
    faults = [f"parameter '{name}' is not in the table" for name in found if name not in wanted]
    for name, line in wanted.items():
        if name not in found:
            faults.append(f"parameter '{name}' is missing: {line}")
        elif found[name] != line:
            faults.append(f"parameter '{name}': the table has  {line}")
    return faults


def _lines_by_name(source: str) -> Iterable[tuple[str, str]]:
    for line in source.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield re.split(r"[:=\s]", line, maxsplit=1)[0], line.rstrip()


def _literal(value: object) -> str:
    return '"' + value + '"' if isinstance(value, str) else repr(value)
