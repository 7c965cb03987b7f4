"""From a study's file to its normalised table, by custaudience; CUSTAUDIENCE_CACHE is an empty folder."""

from read_copy import output  # noqa: F401  (what is compared)

from custaudience.study import open_study


def compute(folder, as_of):
    study = open_study(folder)
    return study.table("transactions")
