"""Made-up studies with a known truth: what `data/shop` and `data/b2b` are made of."""

from made_up.b2b import make_b2b
from made_up.made import SyntheticStudy
from made_up.shop import make_shop

__all__ = ["SyntheticStudy", "make_b2b", "make_shop"]
