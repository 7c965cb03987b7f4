"""The monthly run: parameters, runner, pages."""
