"""What a report may say of the parts and the segments of a change, and of what is usual for them."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from custaudience.customers.bridge.because import signed
from custaudience.customers.bridge.history import Usual
from custaudience.customers.bridge.months import Comparison
from custaudience.evidence import Claim, Status, template

SLUG = "what_changed"
METHOD = template(
    "Revenue by the local day of the line. Customers of one month only count whole; the change of those who ordered in "
    "both is split by logarithmic means, so that the parts add up to the cent. It says what moved, not why people did."
)

_PART = {
    "usual": template(
        "{name:term}: {change_signed:sentence}, {share:signed_percent1} of the revenue of {before:month}; in "
        "{n_moves:count} earlier {n_moves:plural pair|pairs} of months it was between {low:signed_percent1} and "
        "{high:signed_percent1}."
    ),
    "alone": template(
        "{name:term}: {change_signed:sentence}, {share:signed_percent1} of the revenue of {before:month}."
    ),
    "no share": template("{name:term}: {change_signed:sentence}."),
}


def part_claims(now: Comparison, usual: Usual, currency: str, common: dict[str, Any]) -> list[Claim]:
    """Return a sentence per part, beside what it was in the earlier pairs of months."""
    around = usual.table.set_index("part")
    claims = []
    for row in now.parts[now.parts["kind"] != "total"].to_dict("records"):
        beside = around.loc[row["part"]]
        change = float(row["change"])
        values = {"change": change, "change_signed": signed("change", change), "name": row["name"],
                  "currency": currency, **now.pair.names()}  # fmt: skip
        form = "no share"
        if pd.notna(row["share"]):
            form = "usual" if beside["n_moves"] >= 3 else "alone"
            values |= {"share": float(row["share"]), "n_moves": int(beside["n_moves"])}
        if form == "usual":
            values |= {"low": float(beside["low"]), "high": float(beside["high"])}
        claims.append(
            Claim(
                id=f"{SLUG}.part.{_key(row['part'])}",
                template=_PART[form],
                values=values,
                kind="count",
                statistic="bridge",
                value=change,
                unit=currency,
                n=int(row["n_customers"]),
                method=METHOD,
                base=template("Customers who ordered in both months.") if row["kind"] == "staying" else "",
                **common,
            )
        )
    return claims


def _key(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "none"


_FARTHEST = template(
    "Farthest from the usual: {name:term}, {share:signed_percent1} of the revenue of {before:month}, where "
    "{n_moves:count} earlier {n_moves:plural pair|pairs} of months had {low:signed_percent1} to "
    "{high:signed_percent1}. {verdict:sentence}"
)
_VERDICTS = {
    "too_short": template(
        "In earlier months other parts moved as far from theirs, and {n_pairs:count} earlier pairs of months are too "
        "few to call anything unusual: too short to tell."
    ),
    "too_short_largest": template(
        "No part of an earlier change was as far out, but {n_pairs:count} earlier pairs of months are too few to call "
        "it unusual: too short to tell."
    ),
    "usual": template(
        "In earlier months other parts moved as far from theirs: no part needs an explanation of its own."
    ),
    "unusual": template("That is unusual: ask what was done differently before anything else is explained."),
}
_NOTHING_BESIDE = template(
    "With {n_pairs:count} earlier {n_pairs:plural pair|pairs} of months nothing can be said of what is usual for the "
    "parts of the change: too short to tell."
)
_VERDICT_STATUS: dict[str, Status] = {
    "too_short": "too_few",
    "too_short_largest": "too_few",
    "usual": "no_clear_difference",
    "unusual": "measured",
    "none": "too_few",
}


def finding_claim(now: Comparison, usual: Usual, common: dict[str, Any]) -> Claim:
    """Return whether any part left its usual, all parts judged at once."""
    values: dict[str, Any] = {"n_pairs": usual.n_moves, **now.pair.names()}
    text, value = _NOTHING_BESIDE, None
    if usual.verdict != "none":
        row = usual.table.loc[usual.table["times"].idxmax()]
        value = float(row["share"])
        values |= {name: float(row[name]) for name in ("share", "low", "high")}
        values |= {"name": row["name"], "n_moves": int(row["n_moves"]), "verdict": _VERDICTS[usual.verdict]}
        text = _FARTHEST
    return Claim(
        id=f"{SLUG}.finding",
        template=text,
        values=values,
        kind="count",
        statistic="bridge_usual",
        value=value,
        unit="fraction",
        n=usual.n_moves,
        status=_VERDICT_STATUS[usual.verdict],
        method=template(
            "Every pair of months is measured by its farthest part: distance from the median of the other pairs, in "
            "units of their median distance. Unusual is what lies farther out than in 95 of 100 earlier pairs, and "
            "needs 11 earlier pairs, which is a year. So all parts are judged at once."
        ),
        **common,
    )


_SEGMENT = {
    "both": template(
        "{name:term}: {change_signed:sentence} ({share:signed_percent1}), from {n_before:count} customers who ordered "
        "in {before:month_in} and {n_after:count} who did in {month:month_in}."
    ),
    "no share": template(
        "{name:term}: {change_signed:sentence}, from {n_before:count} customers who ordered in {before:month_in} and "
        "{n_after:count} who did in {month:month_in}."
    ),
    "few": template("{name:term}: fewer than {least:count} customers ordered."),
}
_NO_SEGMENTS = template(
    "The data begin on {first:date}: before {before:month} nobody has a segment yet, so where the change happened "
    "cannot be said by segment."
)
_CARRIER = {
    "part": template(
        "One segment moved revenue most: {name:term}, {part_signed:sentence} of the {change_signed:sentence}."
    ),
    "more": template(
        "One segment moved revenue most: {name:term}, {part_signed:sentence}. That is more than the whole change of "
        "{change_signed:sentence}, because others went the other way."
    ),
    "none": template("No segment large enough to be shown moved revenue in the direction of the whole."),
}


def segment_claims(
    segments: pd.DataFrame | None, now: Comparison, currency: str, least: int, common: dict[str, Any]
) -> list[Claim]:
    """Return a sentence per segment, after the one that names where most of the change is."""
    method = template(
        "Segments as of the day before the earlier month, so that neither month has a part in making them; each "
        "segment's revenue in the two months."
    )
    fields: dict[str, Any] = {"kind": "count", "statistic": "bridge_segment", "method": method, **common}
    if segments is None:
        since = {"first": now.first_day.isoformat(), **now.pair.names()}
        none: dict[str, Any] = {"value": None, "unit": currency, "n": None, "status": "too_few"}
        return [Claim(id=f"{SLUG}.segments", template=_NO_SEGMENTS, values=since, **none, **fields)]
    claims = []
    for row in segments.to_dict("records"):
        few = pd.isna(row["n_customers"])
        values: dict[str, Any] = {"name": row["name"], "least": least, "currency": currency, **now.pair.names()}
        if not few:
            values |= {"change": float(row["change"]), "change_signed": signed("change", row["change"])}
            values |= {"n_before": int(row["n_before"]), "n_after": int(row["n_after"])}
            values |= {"share": float(row["share"])} if pd.notna(row["share"]) else {}
        claims.append(
            Claim(
                id=f"{SLUG}.segment.{_key(row['segment'])}",
                template=_SEGMENT["few" if few else "both" if "share" in values else "no share"],
                values=values,
                value=values.get("change"),
                unit=currency,
                n=None if few else int(row["n_customers"]),
                status="too_few" if few else "measured",
                **fields,
            )
        )
    return [_carrier(segments, now, currency, fields), *claims]


def _carrier(segments: pd.DataFrame, now: Comparison, currency: str, fields: dict[str, Any]) -> Claim:
    change = float(now.bridge.totals.iloc[0]["change"])  # type: ignore[union-attr]
    shown = segments.dropna(subset=["n_customers", "change"])
    along = shown[shown["change"] * change > 0]
    values = {"change": change, "change_signed": signed("change", change), "currency": currency, **now.pair.names()}
    key, part, n = "none", None, None
    if len(along):
        most = along.loc[along["change"].abs().idxmax()]
        part, n = float(most["change"]), int(most["n_customers"])
        key = "part" if abs(part) <= abs(change) else "more"
        values |= {"part": part, "part_signed": signed("part", part), "name": most["name"]}
    return Claim(
        id=f"{SLUG}.segments",
        template=_CARRIER[key],
        values=values,
        value=part,
        unit=currency,
        n=n,
        status="measured" if len(along) else "too_few",
        **fields,
    )
