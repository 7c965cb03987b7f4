"""What stands on the executive page: put together from published tables and claims, nothing computed."""

from __future__ import annotations

import base64
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from custaudience.evidence import Claim
from custaudience.evidence import template as _
from custaudience.present.charts import sparkline
from custaudience.present.figures import in_language
from custaudience.present.style import ACCENTS, figure_bytes, use_style
from custaudience.present.tables import fewer_than
from custaudience.present.words import format_value, label, render, render_claim, status_name, translator
from custaudience.reports.ledger import Evidence, Ledger, RunInfo

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# With fewer earlier months than a year has, usual cannot be told from unusual.
ENOUGH_MONTHS = 12
_OF_SEGMENT = ("segment_customers", "segment_revenue")


@dataclass(frozen=True)
class _Tile:
    """A figure of the month: key of its claim, its name, column of the table months, and what its line shows."""

    key: str
    name: str
    column: str
    drawn: str
    drawn_column: str
    form: str = "count"
    by_day: bool = False  # whether the number of trading days matters


_TILES = (
    _Tile("revenue", _("Revenue"), "revenue", _("Revenue per trading day"), "revenue_per_trading_day", "money0", True),
    _Tile("customers", _("Customers who ordered"), "n_customers", _("Customers who ordered"), "n_customers"),
    _Tile("orders", _("Orders"), "n_orders", _("Orders"), "n_orders", by_day=True),
    _Tile("revenue_per_order", _("Revenue per order"), "revenue_per_order", _("Revenue per order"), "revenue_per_order",
          "money"),
)  # fmt: skip


@dataclass
class Source:
    """All that a page is made of: the run, its tables and claims, the language, the page's evidence."""

    info: RunInfo
    ledger: Ledger
    folder: Path
    language: str
    evidence: Evidence = field(init=False)

    def __post_init__(self) -> None:
        self.evidence = Evidence(self.ledger, self.info, self.language)

    def table(self, name: str) -> pd.DataFrame | None:
        """Return a published table, None when this run has none."""
        path = self.folder / "tables" / f"{name}.parquet"
        return pd.read_parquet(path) if path.exists() else None

    def rows(self, name: str) -> list[dict[Any, Any]]:
        """Return the rows of a published table, none when this run has none."""
        table = self.table(name)
        return [] if table is None else table.to_dict("records")

    def say(self, text: str, **values: Any) -> str:
        """Write a template in the page's language; the page escapes it."""
        return render(text, values, language=self.language, currency=self.info.currency)

    def study_text(self, text: str | Mapping[str, str]) -> str:
        """Return a text of the study's own in the page's language, as it is where it has none."""
        return translator(self.language)(in_language(text, self.language))

    def fmt(self, value: Any, form: str, missing: str = "–") -> str:
        """Write a figure in the page's language; a missing one as a dash."""
        if value is None or pd.isna(value):
            return missing
        return format_value(value, form, language=self.language, currency=self.info.currency)

    def few(self) -> str:
        """Say that a group is too small to show."""
        return fewer_than(self.info.min_group_size, self.language)

    def claims(self, found: list[Claim]) -> list[dict[str, Any]]:
        """Return claims as a page prints them: text, status and citation."""
        printed = []
        for claim in found:
            text = render_claim(claim, language=self.language)
            first, stop, rest = text.partition(". ")
            row = {"text": text, "lead": first + stop.rstrip(), "rest": rest, "ref": self.evidence.ref(claim.id)}
            printed.append(row | {"status": claim.status, "verdict": status_name(claim.status, self.language)})
        return printed

    def cited(self, *ids: str) -> list[dict[str, Any]]:
        """Return the claims of these ids as a page prints them, as far as this run has them."""
        return self.claims(self.ledger.chosen(ids))


@contextmanager
def drawing(height: float, width: float = 5.2) -> Iterator[Axes]:
    """Give an axes of its own (inches), outside pyplot: pages are drawn by a process that shows no window."""
    from matplotlib.figure import Figure

    with use_style():
        yield Figure(figsize=(width, height), layout="constrained").subplots()


def picture(ax: Axes, alt: str) -> dict[str, Any]:
    """Return what a page needs to show a drawing: its source as a data address, alt text and size in pixels."""
    drawn = base64.b64encode(figure_bytes(ax, alt=alt, form="svg")).decode("ascii")
    width, height = ax.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    source = f"data:image/svg+xml;base64,{drawn}"
    return {"source": source, "alt": alt, "width": round(96 * width), "height": round(96 * height)}


@lru_cache(maxsize=1)
def segment_texts() -> Mapping[str, Mapping[str, Any]]:
    """Return name, meaning and action of the shipped segments by key, in English."""
    rules = files("custaudience.customers.rfm").joinpath("segments.toml")
    raw = tomllib.loads(rules.read_text(encoding="utf-8"))
    return {row["key"]: row for row in (*raw["segment"], raw["no_order"])}


def segment_name(key: str, language: str) -> str:
    """Return a segment's name in the reader's language."""
    known = segment_texts().get(key, {}).get("name")
    return translator(language)(known) if known else label(key, language)


def page_name(stem: str, language: str, info: RunInfo, suffix: str = "html") -> str:
    """Return the file name of a page: the first language has the plain one."""
    return f"{stem}.{suffix}" if language == info.languages[0] else f"{stem}.{language}.{suffix}"


def index_page(
    source: Source, said_elsewhere: Collection[str], acts: Collection[str],
    personas: Callable[[Source], dict[str, Any] | None],
) -> dict[str, Any]:  # fmt: skip
    """Return what the executive page says.

    Citations are numbered in the order of reading, so the parts are put together from the top down. Advice and
    warnings of the slugs in `said_elsewhere` stand on pages of their own; advice of those in `acts` here, too.
    `personas` gives the rows of the personas.
    """
    ledger, info = source.ledger, source.info
    finding = ledger.get("start_here.finding") or ledger.get("rfm_and_lifecycle.finding")
    page: dict[str, Any] = {"finding_ref": source.evidence.ref(finding.id) if finding else None}
    page["because"] = next(iter(source.cited("what_changed.because")), None)
    page["because_page"] = page_name("what_changed", source.language, info) if page["because"] else ""
    facts = source.cited("data.rows_read", "data.rows_used", "data.rows_set_aside")
    page["facts"] = [fact | {"text": fact["text"].rstrip(".")} for fact in facts]
    page["finding"] = source.say(_("What the data say about {month:month}"), month=info.month)
    if finding:
        page["finding"] = render_claim(finding, language=source.language)
    page["tiles"] = _tiles(source)
    page["segments_page"] = page_name("segments", source.language, info)
    page["segments"] = segment_rows(source)
    title = source.say(_("Segments by how lately, how often and for how much customers order"))
    cite = source.evidence.table_ref
    page["segments_ref"] = cite("segments", title, "30_rfm_and_lifecycle.ipynb") if page["segments"] else None
    shares = [row[name] for row in page["segments"] for name in ("share_of_customers", "share_of_revenue")]
    page["widest"] = max(filter(None, shares), default=1.0)
    page["personas"] = personas(source)
    elsewhere = set(said_elsewhere)
    advice = [c for c in ledger.values() if c.kind == "advice" and _slug(c) not in elsewhere - set(acts)]
    page["advice"] = source.claims(sorted(advice, key=lambda claim: _slug(claim) in elsewhere))
    page["warnings"] = source.claims([claim for claim in ledger.warnings() if _slug(claim) not in elsewhere])
    said = {claim["text"] for claim in page["warnings"]}  # a study's caveats may be claims as well
    page["caveats"] = [text for text in info.caveats if source.study_text(text) not in said]
    page["controls"] = source.claims(ledger.under("data.control."))
    page["reasons"] = source.claims(ledger.under("data.rows_set_aside."))
    return page


def _slug(claim: Claim) -> str:
    return claim.id.partition(".")[0]


def segment_rows(source: Source) -> list[dict[str, Any]]:
    """Return the rows of the segment table, every figure written; small groups without figures."""
    return [_segment_row(source, row) for row in source.rows("segments")]


def _segment_row(source: Source, row: dict[Any, Any]) -> dict[str, Any]:
    key = str(row["segment"])
    small = pd.isna(row["n_customers"])
    shares: dict[str, Any] = {name: row.get(name) for name in ("share_of_customers", "share_of_revenue")}
    shares = {name: None if small or pd.isna(share) else float(share) for name, share in shares.items()}
    refs = [source.evidence.ref(f"rfm_and_lifecycle.{claim}.{key}") for claim in _OF_SEGMENT]
    return shares | {
        "key": key, "anchor": "s-" + "".join(c if c.isalnum() else "-" for c in key), "raw": row,
        "name": segment_name(key, source.language), "color": ACCENTS.get(key, ""), "small": small,
        "customers": source.few() if small else source.fmt(row["n_customers"], "count"),
        "revenue_per_customer": source.fmt(row.get("revenue_per_customer"), "money0"),
        "days": source.fmt(row.get("median_days_since_last_order"), "number"),
        "moved": _moved(source, row), "refs": [ref for ref in refs if ref is not None],
    }  # fmt: skip


def _moved(source: Source, row: dict[Any, Any]) -> str:
    joined, left = row.get("joined"), row.get("left")
    if joined is None or left is None or pd.isna(joined) or pd.isna(left):
        return "–"
    if joined == 0 and left == 0:
        return source.say(_("nobody moved"))
    return source.say(_("{joined:count}\u00a0moved in, {left:count}\u00a0out"), joined=joined, left=left)


def _tiles(source: Source) -> list[dict[str, Any]]:
    months = source.table("months")
    if months is not None:
        months = months[months["month"] <= source.info.month].sort_values("month")
    tiles = []
    for tile in _TILES:
        claim = source.ledger.get(f"start_here.{tile.key}")
        if claim is None:
            continue
        change = source.ledger.get(f"start_here.{tile.key}_change")
        changed, context = _change(source, change, by_day=tile.by_day)
        told = {"name": source.say(tile.name), "value": source.fmt(claim.value, tile.form), "change": changed}
        told["context"] = [*context, _last_year(source, months, tile)]
        refs = {"ref": source.evidence.ref(claim.id), "change_ref": source.evidence.ref(change.id) if change else None}
        tiles.append(told | refs | _line(source, months, tile))
    return tiles


def _change(source: Source, change: Claim | None, *, by_day: bool) -> tuple[list[str], list[str]]:
    """Return how a figure moved, and how much it usually does: facts first, no verdict by colour."""
    if change is None:
        return [], [source.say(_("No month before to compare with."))]
    values = change.values
    if _number(values.get("total")) is None:
        return [render_claim(change, language=source.language)], []
    per_day, usual, months = (_number(values.get(key)) for key in ("per_day", "usual", "n_months"))
    per_day = per_day if by_day else None
    as_usual = change.status == "no_clear_difference"
    lead = round(per_day if per_day is not None else float(values["total"]), 3)
    mark = "■" if as_usual or lead == 0 else "▲" if lead > 0 else "▼"
    moved = _("{per_day:signed_percent1} per trading day, {total:signed_percent1} in total, on the month before.")
    usually = _("It usually moves by {usual:percent1} per trading day.")
    if per_day is None:
        moved = _("{total:signed_percent1} on the month before.")
        usually = _("It usually moves by {usual:percent1}.")
    lines = [f"{mark} {source.say(moved, per_day=per_day, total=values['total'])}"]
    lines += [source.say(_("As usual."))] if as_usual else []
    context = [] if usual is None else [source.say(usually, usual=usual)]
    if usual is None or (months is not None and months < ENOUGH_MONTHS):
        short = _("Too short to tell: {n:count} earlier {n:plural month|months}.")
        context.append(source.say(_("Too short to tell.") if months is None else short, n=months))
    return lines, context


def _number(value: Any) -> float | None:
    return None if value is None or isinstance(value, str) or pd.isna(value) else float(value)


def _last_year(source: Source, months: pd.DataFrame | None, tile: _Tile) -> str:
    year, month = source.info.month.split("-")
    before = f"{int(year) - 1}-{month}"
    found = None if months is None else months.loc[months["month"] == before, tile.column]
    if found is None or found.empty:
        return source.say(_("No last year in the data."))
    if pd.isna(found.iloc[0]):  # blanked in the table
        return source.say(_("Too few customers a year before to compare with."))
    written = source.fmt(found.iloc[0], tile.form)
    return source.say(_("A year before, {month:month}: {value:text}."), month=before, value=written)


def _line(source: Source, months: pd.DataFrame | None, tile: _Tile) -> dict[str, Any]:
    """Return the sparkline of the last thirteen months, its ends named."""
    if months is None or tile.drawn_column not in months or len(months) < 2:
        return {"spark": ""}
    shown = months.tail(13)
    values = [None if pd.isna(v) else float(v) for v in shown[tile.drawn_column]]
    known = [v for v in values if v is not None]
    if not known:
        return {"spark": ""}
    first, last = shown["month"].iloc[0], shown["month"].iloc[-1]
    low, high, now = (source.fmt(value, tile.form) for value in (min(known), max(known), values[-1]))
    words = source.say(
        _("{what:text} from {first:month} to {last:month}: lowest {low:text}, highest {high:text}, at last {now:text}"),
        what=source.say(tile.drawn), first=first, last=last, low=low, high=high, now=now,
    )  # fmt: skip
    ends = {"first": source.fmt(first, "month_short"), "last": source.fmt(last, "month_short")}
    return {"spark": sparkline(values, label=words), **ends}
