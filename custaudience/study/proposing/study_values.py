"""What holds for the whole study: its currency, the zone of its days, the report's language, who a customer is."""

from __future__ import annotations

import re
import zoneinfo

from custaudience.errors import ConfigError, near_miss
from custaudience.study.proposing.questions import Answers, Question
from custaudience.study.proposing.tables import TableProposal
from custaudience.study.proposing.vocabulary import (
    currency_codes,
    currency_in_header,
    currency_of,
    names_organisation,
    usual_zone,
)

_UNKNOWN = "XTS"  # the code ISO 4217 keeps for tests; goes on with the other questions when this one is open
_UKRAINIAN = re.compile(r"[іїєґІЇЄҐ]")


def given_currency(answers: Answers) -> str | None:
    """Return the currency that was given beforehand.

    Raises
    ------
    ConfigError
        If there is no such currency.
    """
    given = answers.given("currency")
    if given is not None and (fault := _no_currency(given)):
        raise ConfigError(f"currency: {fault}")
    return given


def propose_study_values(
    tables: list[TableProposal], name: str, answers: Answers
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values of ``[study]``, and why each is so.

    Raises
    ------
    ConfigError
        If an answer names what does not exist, or another currency than the data.
    """
    currency, why_currency = _currency(tables, answers)
    zone, why_zone = _zone(tables, currency, answers)
    headers = [header for table in tables for header in table.sample.header]
    ukrainian = next((header for header in headers if _UKRAINIAN.search(header)), "")
    language = answers.given("language") or ("uk" if ukrainian else "en")
    of_buyers = [table for table in tables if table.table in ("transactions", "customers")]
    named = [header for table in of_buyers for header in table.sample.header if names_organisation(header)]
    unit = answers.given("unit") or ("organisation" if named else "person")
    if unit not in ("person", "organisation"):
        raise ConfigError(f"unit: {unit!r} is no answer. Possible: person, organisation.")
    values = {"name": name, "currency": currency, "timezone": zone, "language": language, "unit": unit}
    because = f"a column is called {named[0]!r}" if named else "no column names organisations"
    why = {
        "currency": why_currency,
        "timezone": why_zone,
        "language": f"of the report; {ukrainian!r} is Ukrainian" if ukrainian else "of the report",
        "unit": f"what a customer is; {because}",
    }
    return values, why


def _currency(tables: list[TableProposal], answers: Answers) -> tuple[str, str]:
    given = given_currency(answers)
    for table in tables:
        if table.currency:
            if given not in (None, table.currency):
                raise ConfigError(f"currency {given}: the rows of {table.sample.label} say {table.currency}.")
            return table.currency, "as its rows say"
    named = {code: why for table in tables for code, why in _named_currencies(table)}
    if given is not None:
        against = [why for code, why in named.items() if code != given]
        return given, "as answered" + (f", though {against[0]}" if against else "")
    if len(named) == 1:
        code, why = next(iter(named.items()))
        if "'$'" not in why:  # which a score of countries write
            return code, why
    evidence = "; ".join(named.values()) + "." if named else "No file says."
    if len(named) > 1:
        evidence += " Amounts of two currencies cannot be added: leave a file out, or export it in one."
    answer = answers.settle(
        Question(
            "currency",
            "In which currency are the amounts (ISO code, such as EUR, UAH, USD)?",
            (),
            evidence,
            next(iter(named), ""),
            _no_currency,
        )
    )
    return answer or _UNKNOWN, "as answered"


def _named_currencies(table: TableProposal) -> list[tuple[str, str]]:
    """Return the currencies that a header or the signs at the amounts name, and why."""
    found = []
    for ours in ("revenue", "unit_price", "spend"):
        if code := currency_in_header(table.columns.get(ours, "")):
            found.append((code, f"{table.columns[ours]!r} names {code}"))
    if code := currency_of(table.settings.get("currency_sign", "")):
        found.append((code, f"{table.settings['currency_sign']!r} stands at the amounts"))
    return found


def _zone(tables: list[TableProposal], currency: str, answers: Answers) -> tuple[str, str]:
    if not any(table.date is not None and table.date.has_time for table in tables) and not answers.given("timezone"):
        return "UTC", "the dates have no time of day, so any zone gives the same days"
    usual = "" if currency == _UNKNOWN else usual_zone(currency)
    answer = answers.settle(
        Question(
            "timezone",
            "In which time zone does the company count its days and months?",
            (),
            "The dates have a time of day, and no file names a zone for the company"
            + (f"; {currency} suggests {usual}." if usual else "."),
            usual,
            _no_zone,
        )
    )
    return answer or "UTC", "as answered"


def _no_currency(answer: str) -> str:
    if answer in currency_codes():
        return ""
    code = answer.upper() if answer.upper() in currency_codes() else currency_of(answer)
    meant = (
        f" Did you mean {code!r}?" if code else near_miss(answer.upper(), ("EUR", "UAH", "USD", "GBP", "PLN", "VND"))
    )
    return f"{answer!r} is no ISO 4217 code, such as USD, EUR or UAH.{meant}"


def _no_zone(answer: str) -> str:
    zones = zoneinfo.available_timezones()
    if answer in zones:
        return ""
    ending = sorted(zone for zone in zones if zone.lower().endswith(f"/{answer.lower().replace(' ', '_')}"))
    meant = f" Did you mean {ending[0]!r}?" if ending else near_miss(answer, zones)
    return f"time zone {answer!r} does not exist.{meant} Zones are named like Europe/Kyiv."
