"""The scan a definition needs: who fits, then mean and variance of every behaviour in both groups, in plain pandas."""

import pandas as pd
from definition_data import INCOMES, compared, load


def compute(file, as_of):
    features = load(file)
    table = features.table
    known = table["age"].notna()
    fits = table["age"].between(18, 40) & (table["sex"] == "F") & table["income"].isin(INCOMES[3:])
    behaviours = features.dictionary.loc[features.dictionary["kind"] == "behaviour", "column"]
    rows = []
    for column in behaviours:
        inside, outside = table.loc[fits, column], table.loc[known & ~fits, column]
        means = (inside.mean(), outside.mean(), inside.var(), outside.var())
        rows.append((column, inside.count(), outside.count(), *means))
    return pd.DataFrame(rows, columns=["column", "n", "n_others", "value", "value_others", "var", "var_others"])


output, ready = compared, load  # reading is measured elsewhere
