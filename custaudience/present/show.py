"""Show a figure in a notebook: with words for those who do not see it, and always the same bytes."""

from __future__ import annotations

import base64
import io
import sys
from typing import TYPE_CHECKING

from custaudience.present.style import DPI, use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def show(fig: Figure | Axes, *, alt: str) -> None:
    """Display a figure as PNG with its description, then close it.

    Parameters
    ----------
    fig : Figure or Axes
        What a ``plot_*`` function returned, or its figure.
    alt : str
        What the figure shows, in a sentence, not empty; it becomes the alternative text on report pages.
    """
    from IPython.display import display

    figure = _figure(fig)
    picture = base64.b64encode(figure_bytes(figure, alt=alt)).decode("ascii")
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(figure)  # otherwise the notebook shows it a second time
    display({"image/png": picture, "text/plain": f"Figure: {alt}"}, metadata={"image/png": {"alt": alt}}, raw=True)


def figure_bytes(fig: Figure | Axes, *, alt: str, form: str = "png") -> bytes:
    """Return a figure as PNG of at most 100 dots per inch, or as SVG; the same drawing, the same bytes."""
    if not alt.strip():
        raise ValueError("a figure needs alt text: say in a sentence what it shows")
    figure = _figure(fig)
    stream = io.BytesIO()
    # No date and no version inside, so that a stored figure changes only when the drawing does.
    metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    with use_style():
        figure.savefig(stream, format=form, dpi=min(figure.dpi, DPI), metadata=metadata)
    return stream.getvalue()


def _figure(fig: Figure | Axes) -> Figure:
    figure = fig if hasattr(fig, "savefig") else fig.figure
    return figure  # type: ignore[return-value]
