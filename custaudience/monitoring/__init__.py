"""What changed: the figures of each month, and whether they moved as usual."""
