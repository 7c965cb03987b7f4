"""The few compositions that several notebooks need, each a function of a study and a date."""

from lazy_loader import attach_stub

# what is exported stands in __init__.pyi; each name is imported when it is first asked for
__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
