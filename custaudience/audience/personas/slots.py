"""What a persona says beside its figures: imagined words, blanks with questions, advice, how long it holds."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from custaudience.audience.personas.figures import ENOUGH, Frame
from custaudience.audience.personas.words import Epithet, Text, epithets, is_specific, name_of, questions
from custaudience.customers.rfm.segments import load_segment_rules
from custaudience.evidence import Claim, template

MOST_ADVICE = 3
WORTH_ACTING = 0.05  # a difference of shares that would change what is done
_ALL_BLANK = (
    template("Not measured."),
    template("Not measured. Ask in the next survey: “{q1:text}”"),
    template("Not measured. Ask in the next survey: “{q1:text}” · “{q2:text}”"),
    template("Not measured. Ask in the next survey: “{q1:text}” · “{q2:text}” · “{q3:text}”"),
)


def choose_epithet(effects: Sequence[tuple[str, float]], taken: Collection[str]) -> Epithet:
    """Return the words for what differs most, passing over those another persona of the study already has.

    Parameters
    ----------
    effects : sequence of feature, effect
        The largest first; clear ones only.
    taken : collection of str
        Keys of epithets.
    """
    known = epithets()
    for feature, effect in effects:
        for epithet in known:
            if epithet.feature == feature and epithet.sign * effect > 0 and epithet.key not in taken:
                return epithet
    return known[-1]


def imagined_claims(
    frame: Frame, number: int, epithet: Epithet, n: int, *, small: bool
) -> tuple[list[Claim], list[Claim], list[Claim]]:
    """Return the name, the back-story and the note that they are imagined; of a small segment only the name."""
    imagined: dict[str, Any] = {
        "kind": "imagined", "status": "imagined", "statistic": "imagined", "value": None, "unit": "", "n": None,
        "source": "",
        "method": template(
            "Chosen by rule: the name by the segment's key, the words by what differs most. They say nothing of "
            "anybody's sex, age or origin"
        ),
    }  # fmt: skip
    name = {"name": name_of(number), "who": dict(epithet.who), "epithet": epithet.key}
    if small:
        return [frame.claim("name", template=template("{name:text}"), values=name, **imagined)], [], []
    note = template(
        "The typical member is an average of {n:count} customers, not a person; name, words and picture are imagined"
    )
    return (
        [frame.claim("name", template=template("{name:text}, {who:text}"), values=name, **imagined)],
        [frame.claim("story", template=template("“{story:text}”"), values={"story": dict(epithet.story)}, **imagined)],
        [frame.claim("average", template=note, values={"n": n}, **imagined)],
    )


def blank_claim(frame: Frame, block: str) -> Claim:
    """Say that nothing was measured for a block, and ask what would fill it."""
    asked = questions(block)[:3]
    return frame.claim(
        f"{block}_blank",
        template=_ALL_BLANK[len(asked)],
        values={f"q{i + 1}": dict(question) for i, question in enumerate(asked)},
        kind="estimate",
        status="too_few",
        statistic="not_measured",
        value=None,
        unit="",
        n=0,
        source="all tables",
        method=template("No table of the study has a column for it"),
    )


def no_price_claim(frame: Frame) -> Claim:
    """Say that nothing tells how price moves them."""
    return frame.claim(
        "price_blank", values={},
        template=template("Price sensitivity: not measured. The order lines name no discount"),
        kind="estimate", status="too_few", statistic="not_measured", value=None, unit="", n=0, source="transactions",
        method=template("A column of discounts among the order lines would tell which share is bought at a discount"),
    )  # fmt: skip


def too_few_claim(frame: Frame, slot: str, n: int) -> Claim:
    """Say that there are data, and too few customers to compare."""
    return frame.claim(
        f"{slot}_few",
        template=(
            template("Too few to say: known of {n:count} {n:plural customer|customers}, and it takes {enough:count}")
            if n < ENOUGH
            else template("Too few to say: it would show groups of fewer than {least:count} customers")
        ),
        values={"n": n, "enough": ENOUGH, "least": frame.min_group_size},
        kind="estimate",
        status="too_few",
        statistic="not_measured",
        value=None,
        unit="",
        n=n,
        source="all tables",
        method=template("A comparison needs {enough:count} customers with a value on both sides"),
    )


def holds_claims(frame: Frame, n: int, since: dt.date | None, review_months: int) -> list[Claim]:
    """Say since when the segment holds, and when to look again."""
    size = f"{frame.slug}.size.{frame.key}"
    common: dict[str, Any] = {"statistic": "holds_since", "unit": "", "n": n}
    least = {"least": frame.min_group_size}
    if since is None:
        holds = frame.claim(
            "holds", template=template("Seen at one date only, so since when it holds is not known"), values=least,
            kind="count", value=None, method=template("No earlier date was looked at"), **common,
        )  # fmt: skip
    else:
        holds = frame.claim(
            "holds", template=template("Holds at least since {since:month}"),
            values={"since": since.isoformat(), **least},
            kind="count", value=since.isoformat(),
            method=template("At each month's end since then the segment had at least {least:count} customers"),
            **common,
        )  # fmt: skip
    day = _months_later(frame.as_of, review_months)
    review = frame.claim(
        "review", template=template("Review by {day:date}"), values={"day": day.isoformat(), "months": review_months},
        kind="advice", status="advice", value=day.isoformat(), rests_on=(size,),
        method=template(
            "Rule: {months:count} {months:plural month|months} after the date of the figures, or at once when the "
            "segment gains or loses a quarter of its customers"
        ),
        **common,
    )  # fmt: skip
    return [holds, review]


def _months_later(day: dt.date, months: int) -> dt.date:
    year, month = divmod(12 * day.year + day.month - 1 + months, 12)
    return dt.date(year, month + 1, calendar.monthrange(year, month + 1)[1])


def holds_since(history: Mapping[dt.date, pd.Series], *, min_group_size: int = 10) -> dict[str, dt.date | None]:
    """Return since when each segment of the last date has had enough customers without a gap.

    Parameters
    ----------
    history : mapping of date to Series per ``customer_id``
        Labels at each date looked at, the last one included. Groups that were found must be matched first.

    Returns
    -------
    dict of segment to date or None
        The earliest date of the unbroken row; None with one date only.

    Examples
    --------
    >>> history = {dt.date(2025, m, 1): pd.Series(["a"] * n) for m, n in ((1, 4), (2, 12), (3, 15))}
    >>> holds_since(history)
    {'a': datetime.date(2025, 2, 1)}
    """
    if not history:
        return {}
    sizes = {day: labels.dropna().astype("str").value_counts() for day, labels in sorted(history.items())}
    found: dict[str, dt.date | None] = {}
    for segment in sizes[max(sizes)].index:
        held = []
        for day in sorted(sizes, reverse=True):
            if int(sizes[day].get(segment, 0)) < min_group_size:
                break
            held.append(day)
        found[str(segment)] = held[-1] if len(sizes) > 1 and held else None
    return found


def completeness_claim(frame: Frame, filled: Sequence[str], blocks: Sequence[str]) -> Claim:
    """Say how many blocks of the avatar rest on something."""
    return frame.claim(
        "filled",
        template=template("{filled:count} of the {all:count} blocks of an avatar are filled"),
        values={"filled": len(filled), "all": len(blocks)},
        kind="count",
        statistic="persona_filled",
        value=len(filled),
        unit="blocks",
        n=None,
        source="all tables",
        method=template(
            "Demographics, goals and values, information sources, problems, barriers and role: filled when a "
            "line of it is measured or typed"
        ),
    )


def caveat_claims(frame: Frame, caveats: Iterable[Text]) -> list[Claim]:
    """Return the study's caveats as what they are: typed by a person."""
    return [
        frame.claim(
            f"caveat{i}", template=template("{caveat:text}"), values={"caveat": caveat}, kind="typed", status="typed",
            statistic="typed", value=None, unit="", n=None, source="study.toml",
            method=template("Written into study.toml by whoever keeps the study"),
        )
        for i, caveat in enumerate(caveats, 1)
    ]  # fmt: skip


def is_more(claim: Claim) -> bool:
    """Say whether a category is clearly bought more than by all others."""
    return claim.status == "measured" and claim.unit == "ratio" and (claim.low or 0) > 1


def advice_claims(frame: Frame, slots: Mapping[str, Sequence[Claim]]) -> list[Claim]:
    """Return what to say and when, each by a rule from what is clear."""
    found: list[Claim] = []

    def advise(key: str, text: str, rule: str, *needs: str, **values: Any) -> None:
        found.append(
            frame.claim(
                f"advice_{key}", template=text, values=values, kind="advice", status="advice",
                statistic="persona_advice", value=None, unit="", n=None, method=rule, rests_on=needs,
            )
        )  # fmt: skip

    for claim in slots["categories"]:
        if is_more(claim) and is_specific(str(claim.values["raw"])):
            rule = template("Rule: the category bought most above all others")
            advise("lead", template("Lead with {category:text}"), rule, claim.id, category=claim.values["category"])
            break
    clear = {
        str(c.values.get("which")): c
        for slot in ("behaviour", "price", "facts")
        for c in slots[slot]
        if c.status == "measured" and c.kind == "difference"
    }
    for feature, more, less, rule in _RULES:
        if (seen := clear.get(feature)) is not None and abs(float(seen.value or 0)) >= WORTH_ACTING:
            advise(feature, more if float(seen.value or 0) > 0 else less, rule, seen.id)
    rules = {s.key: s for s in load_segment_rules().segments}
    if frame.segment in rules:
        action = template("{action:term}")
        rule = template("Rule of thumb for this segment")
        advise("segment", action, rule, f"{frame.slug}.size.{frame.key}", action=rules[frame.segment].action)
    return found[:MOST_ADVICE] if len(found) <= MOST_ADVICE else [*found[: MOST_ADVICE - 1], found[-1]]


_RULES = (
    (
        "discounted_share",
        template("Tell them of offers, and try with some of them how many buy without one"),
        template("Do not begin with a discount"),
        template("Rule: they buy clearly more, or clearly less, at a discount than all others, by 5 points or more"),
    ),
    (
        "weekend_share",
        template("Write before the weekend"),
        template("Write on weekdays"),
        template("Rule: they order clearly more, or clearly less, at the weekend than all others, by 5 points or more"),
    ),
    (
        "evening_share",
        template("Write in the afternoon, before they shop"),
        template("Write in the morning, before they shop"),
        template("Rule: they order clearly more, or clearly less, in the evening than all others, by 5 points or more"),
    ),
)
