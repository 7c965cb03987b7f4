"""custaudience: from a company's own raw tables to a target audience it can defend."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["open_study", "orders_of", "parameters", "publish"]

if TYPE_CHECKING:
    from custaudience.evidence import publish
    from custaudience.reports.parameters import parameters
    from custaudience.study import open_study, orders_of

_HOMES = {"open_study": "study", "orders_of": "study", "parameters": "reports.parameters", "publish": "evidence"}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: ``custaudience --help`` need not load pandas."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"custaudience.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'custaudience' has no attribute {name!r}")
