"""How things look: words, tables, plots and pages. Nothing here computes; it shows what is computed.

matplotlib is imported by the first figure, not by this package: the command line need not wait for it.
"""

from custaudience.present.card_files import NotebookCard, card_data, card_markdown, card_png, card_schema, notebook_card
from custaudience.present.card_sheet import persona_sheet
from custaudience.present.cards import persona_card
from custaudience.present.charts import sparkline, variable_names
from custaudience.present.plots_bars import (
    plot_concentration,
    plot_contact_lists,
    plot_cut_offs,
    plot_gaps,
    plot_lifecycle,
    plot_months,
    plot_new_customers,
    plot_repeat_frequency,
    plot_segments,
)
from custaudience.present.plots_cells import plot_group_count, plot_profiles, plot_retention, plot_rfm_grid
from custaudience.present.plots_change import plot_bridge, plot_bridge_history
from custaudience.present.plots_dots import (
    plot_before,
    plot_drivers,
    plot_pairs,
    plot_response,
    plot_second_order,
    plot_traits,
)
from custaudience.present.plots_lines import plot_survival, plot_tracking
from custaudience.present.style import figure_bytes, segment_color, show, use_style
from custaudience.present.tables import Table, Takeaways, glossary, table, takeaways
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
    "NotebookCard", "Table", "Takeaways", "WordsError", "card_data", "card_markdown", "card_png", "card_schema",
    "figure_bytes", "format_value", "glossary", "label", "notebook_card", "persona_card", "persona_sheet",
    "plot_before", "plot_bridge", "plot_bridge_history", "plot_concentration", "plot_contact_lists", "plot_cut_offs",
    "plot_drivers", "plot_gaps", "plot_group_count", "plot_lifecycle", "plot_months", "plot_new_customers",
    "plot_pairs", "plot_profiles", "plot_repeat_frequency", "plot_response", "plot_retention", "plot_rfm_grid",
    "plot_second_order", "plot_segments", "plot_survival", "plot_tracking", "plot_traits", "render", "render_claim",
    "segment_color", "show", "sparkline", "status_name", "table", "takeaways", "term", "translator", "use_style",
    "variable_names"
]  # fmt: skip
