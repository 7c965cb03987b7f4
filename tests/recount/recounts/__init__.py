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
]
"""A module per topic; ``ideal_customer`` and ``personas`` belong here as well once their claims are in the ledger."""

for _name in MODULES:
    importlib.import_module(f"recounts.{_name}")
