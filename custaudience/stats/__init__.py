"""The ground of all analyses: intervals, one contrast, bootstrap, false discovery. It knows no business word."""
