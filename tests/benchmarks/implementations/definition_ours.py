"""A written definition checked and counted on all customers, with the differences of what they do."""

import datetime as dt
import sys
from pathlib import Path

import clock
import pandas as pd
from definition_data import DEFINITION, load

from custaudience.audience.definition.check import DefinitionCheck, check_definition


def compute(file: Path, as_of: dt.date) -> DefinitionCheck:
    return check_definition(DEFINITION, load(file))


def fingerprint(check: DefinitionCheck) -> pd.DataFrame:
    columns = ["column", "n", "n_others", "value", "value_others"]
    return check.differences[columns].sort_values("column", ignore_index=True).round(6)


if __name__ == "__main__":
    load(Path(sys.argv[1]))  # reading is measured elsewhere
    clock.run(compute, fingerprint)
