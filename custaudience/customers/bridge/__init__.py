"""Why revenue moved: the bridge between two periods, and who brings how much."""
