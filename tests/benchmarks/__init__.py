"""The benchmark behind ``make bench``: ours beside hand-written SQL, pandas, lifetimes, papermill."""
