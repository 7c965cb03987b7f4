"""A written definition checked and counted on all customers, with the differences of what they do."""

from definition_data import DEFINITION, compared, load

from custaudience.audience.definition.check import check_definition


def compute(file, as_of):
    return check_definition(DEFINITION, load(file))


def output(check):
    return compared(check.differences)


ready = load  # reading is measured elsewhere
