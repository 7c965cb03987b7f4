"""custaudience: from a company's own raw tables to a target audience it can defend."""

__version__ = "0.1.0"
