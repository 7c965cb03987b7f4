"""A written audience definition: what it says, what it misses, and the numbers behind it."""
