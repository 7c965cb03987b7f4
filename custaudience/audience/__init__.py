"""Whom to target: personas with their evidence, profiles typed by a person, and what a message covers."""

from lazy_loader import attach_stub

# what is exported stands in __init__.pyi; each name is imported when it is first asked for
__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
