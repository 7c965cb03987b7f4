"""A small line without axes, as inline SVG: the course of one figure beside its value."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT, MARGIN = 120.0, 36.0, 4.0
# A line drawn from its minimum to its maximum makes noise look like news: the height stands for at
# least this share of the mean.
_LEAST_SPAN = 0.2


def sparkline(values: Sequence[float | None], *, label: str) -> Markup:
    """Return a line of months as SVG, oldest first, the last one marked; None or NaN leaves a gap.

    `label` says what it shows, for readers who do not see it. Without any value nothing is drawn.
    """
    points = [None if v is None or math.isnan(float(v)) else float(v) for v in values]
    known = [v for v in points if v is not None]
    if not known:
        return Markup("")
    low, high = min(known), max(known)
    lack = max(0.0, _LEAST_SPAN * abs(sum(known) / len(known)) - (high - low)) / 2
    low, high = low - lack, high + lack
    step = (WIDTH - 2 * MARGIN) / max(1, len(points) - 1)
    scale = (HEIGHT - 2 * MARGIN) / (high - low) if high > low else 0.0
    placed = [
        None if v is None else (MARGIN + i * step, HEIGHT - MARGIN - (v - low) * scale if scale else HEIGHT / 2)
        for i, v in enumerate(points)
    ]
    last_x, last_y = next(p for p in reversed(placed) if p is not None)
    # The picture stretches with its tile; strokes and the round dot keep their shape.
    return Markup(
        f'<svg class="spark" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(label)}"><path d="{_path(placed)}"/>'
        f'<path class="dot" d="M{last_x:.1f} {last_y:.1f}h0"/></svg>'
    )


def _path(placed: Sequence[tuple[float, float] | None]) -> str:
    pairs = zip([None, *placed], placed, strict=False)
    return "".join(f"{'L' if before else 'M'}{at[0]:.1f} {at[1]:.1f}" for before, at in pairs if at)
