"""What the three generators draw with: everything they write is a function of one seed."""

import datetime as dt

import numpy as np


def draws(seed):
    """Return numpy's generator, `pick` (one of several) and `r` (a whole number from a to b, both included)."""
    rng = np.random.default_rng(seed)

    def pick(seq, p=None):
        return seq[int(rng.choice(len(seq), p=p))]

    def r(a, b):
        return int(rng.integers(a, b + 1))

    return rng, pick, r


def every(gap, wobble, start, stop, rng, least):
    """Return the days from start to stop on which somebody buys about every `gap` days, `least` apart at least."""
    days = []
    while start <= stop:
        days.append(start)
        start += max(least, int(rng.normal(gap, wobble)))
    return days


def at(day, **since_midnight):
    """Return a moment of a day."""
    return dt.datetime.combine(day, dt.time()) + dt.timedelta(**since_midnight)
