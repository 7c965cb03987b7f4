"""A recount of what a report claims, from the raw files of the study, by pandas alone.

Each module recounts the claims of one topic. A recount is a function of the raw files and the claim; it is registered
under the pattern of the claim's id and says what the claim's figures should be. Nothing here may import the package
that is checked: a test reads the imports.

To add a topic: write ``recounts/<slug>.py`` with functions under `register`, and name it in `MODULES`.
"""

from __future__ import annotations

import importlib

MODULES = [
    "start_here",
    "data",
    "what_changed",
    "rfm_and_lifecycle",
    "customer_value",
    "cohorts",
    "cross_sell",
    "whom_to_write_to",
    "what_drives_behaviour",
    "segments",
    "campaign_response",
    "personas",
    "ideal_customer",
]
"""A module per topic."""
AWAITED: list[str] = []
"""Topics whose recount is not written yet: their test is expected to fail, and says so when it no longer does.

To finish one, write its module and move its name from here to `MODULES`.
"""

for _name in MODULES:
    importlib.import_module(f"recounts.{_name}")
