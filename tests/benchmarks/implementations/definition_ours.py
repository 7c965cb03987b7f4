"""A written definition checked and counted on all customers, with the differences of what they do."""

from definition_data import DEFINITION, load

from custaudience.audience.definition.check import check_definition


def compute(file, as_of):
    return check_definition(DEFINITION, load(file))


def output(check):
    columns = ["column", "n", "n_others", "value", "value_others"]
    return check.differences[columns].sort_values("column", ignore_index=True).round(6)


ready = load  # reading is measured elsewhere
