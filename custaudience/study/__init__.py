"""What you have: a study's tables, read strictly and once, and its orders."""

from custaudience.study.orders import orders_of
from custaudience.study.study import Study, month_end, open_study

__all__ = ["Study", "month_end", "open_study", "orders_of"]
