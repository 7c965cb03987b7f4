"""What a report may say of rhythm and lifecycle: who is overdue, who counts as lost, how often that was wrong."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pandas as pd

from custaudience.customers.lifecycle.lifecycle import Backtest, Lifecycle
from custaudience.customers.rhythm import Rhythm
from custaudience.evidence import Claim, Estimate, Terms
from custaudience.stats.intervals import share_interval
from custaudience.telling import Teller

SLUG, NOTEBOOK = "rfm_and_lifecycle", "30_rfm_and_lifecycle.ipynb"


def lifecycle_claims(
    summary: pd.DataFrame, rhythm: Rhythm, lifecycle: Lifecycle, backtests: Iterable[Backtest], terms: Terms
) -> list[Claim]:
    """Return who is overdue, ordered once, is primary, lost and potential, and how earlier verdicts fared."""
    tell = Teller(__package__, SLUG, NOTEBOOK, terms)
    late, ordered = rhythm.table["overdue"].fillna(False).astype(bool), int((summary["n_orders"] > 0).sum())
    n, once = int(late.sum()), int((summary["n_orders"] == 1).sum())
    return [
        tell.say("overdue", n=n, all=len(late), part=float(late.mean()), share=rhythm.share),
        tell.say("one_time", n=once, all=ordered, part=once / ordered),
        *(tell.say(row.state, n=int(row.n_customers), part=float(row.share)) for row in lifecycle.counts.itertuples()),
        *_reach(tell, rhythm, lifecycle),
        *(_backtest(tell, backtest) for backtest in backtests),
    ]


def _reach(tell: Teller, rhythm: Rhythm, lifecycle: Lifecycle) -> Iterator[Claim]:
    """Say so when the data are too short for most customers to be called lost at all."""
    after, span = (rhythm.pooled_overdue_after_days or 0) * lifecycle.lost_factor, rhythm.history_days
    if after > span:
        few = int((lifecycle.table["rhythm"] == "pooled").sum())
        yield tell.say("lost_reach", n=few, few=few, part=few / len(lifecycle.table), after=int(after), span=span)


def _backtest(tell: Teller, backtest: Backtest) -> Claim:
    """Say how an earlier verdict fared, with its interval."""
    key = "lost_backtest" if backtest.verdict == "lost" else "overdue_backtest"
    n, day = backtest.n_named, backtest.earlier.isoformat()
    if not n:
        return tell.say(key, "few", values={"least": tell.terms.least}, day=day)
    of = Estimate(*share_interval(backtest.n_named_back, n, tell.terms.level), tell.terms.level, n)
    others = backtest.n_others_back / max(1, backtest.n_others)
    return tell.say(key, of=of, people=n, day=day, others=others, values={"least": tell.terms.least})
