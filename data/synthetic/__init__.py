"""Made-up studies with a known truth: what `data/shop` and `data/b2b` are made of."""

from synthetic.b2b import make_b2b
from synthetic.made import SyntheticStudy
from synthetic.shop import make_shop

__all__ = ["SyntheticStudy", "make_b2b", "make_shop"]
