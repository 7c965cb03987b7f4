"""Made-up studies with a known truth: what `data/shop` and `data/b2b` are made of."""

from custaudience.study.synthetic.b2b import make_b2b
from custaudience.study.synthetic.made import SyntheticStudy
from custaudience.study.synthetic.shop import make_shop

__all__ = ["SyntheticStudy", "make_b2b", "make_shop"]
