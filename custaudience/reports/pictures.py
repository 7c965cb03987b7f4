"""Pictures of report pages: drawn when the page is written, in its language, and held inside it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from custaudience.present import figure_bytes
from custaudience.present.style import use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    return {
        "source": f"data:image/svg+xml;base64,{drawn}",
        "alt": alt,
        "width": round(96 * width),
        "height": round(96 * height),
    }
