"""What is bought together, and who misses what goes with a purchase."""
