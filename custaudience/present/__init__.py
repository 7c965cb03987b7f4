"""How things look: words, tables, plots and pages. Nothing here computes; it shows what is computed.

matplotlib is imported by the first figure, not by this package: the command line need not wait for it.
"""

from custaudience.present.card_files import card_data, card_markdown, card_png, card_schema
from custaudience.present.cards import persona_card, persona_sheet
from custaudience.present.glossary import glossary
from custaudience.present.plots import plot_lifecycle, plot_months, plot_rfm_grid, plot_segments
from custaudience.present.plots_time import plot_gaps, plot_new_customers, plot_retention, plot_survival
from custaudience.present.show import figure_bytes, show
from custaudience.present.sparkline import sparkline
from custaudience.present.style import segment_color, use_style
from custaudience.present.tables import Table, table
from custaudience.present.takeaways import Takeaways, takeaways
from custaudience.present.words import (
    WordsError,
    format_value,
    label,
    render,
    render_claim,
    status_name,
    term,
    translator,
)

__all__ = [
    "Table",
    "Takeaways",
    "WordsError",
    "card_data",
    "card_markdown",
    "card_png",
    "card_schema",
    "figure_bytes",
    "format_value",
    "glossary",
    "label",
    "persona_card",
    "persona_sheet",
    "plot_gaps",
    "plot_lifecycle",
    "plot_months",
    "plot_new_customers",
    "plot_retention",
    "plot_rfm_grid",
    "plot_segments",
    "plot_survival",
    "render",
    "render_claim",
    "segment_color",
    "show",
    "sparkline",
    "status_name",
    "table",
    "takeaways",
    "term",
    "translator",
    "use_style",
]
