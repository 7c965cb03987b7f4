"""Pairs by mlxtend's fpgrowth on a sparse frame, from the same normalised file; runs in an environment of its own."""

import numpy as np
import pandas as pd
from mlxtend.frequent_patterns import association_rules, fpgrowth
from scipy import sparse


def compute(path, as_of):
    lines = pd.read_parquet(path, columns=["order_id", "product_id"])
    basket, _ = pd.factorize(lines["order_id"])
    item, names = pd.factorize(lines["product_id"])
    matrix = sparse.csr_matrix((np.ones(len(lines), dtype=bool), (basket, item)))
    matrix.data[:] = True
    baskets = pd.DataFrame.sparse.from_spmatrix(matrix, columns=names.astype(str))
    sets = fpgrowth(baskets, min_support=0.001, max_len=2, use_colnames=True)
    return association_rules(sets, metric="support", min_threshold=0.001)


def output(rules):
    rules = rules.assign(item_a=rules["antecedents"].map(min), item_b=rules["consequents"].map(min))
    backwards = rules[["item_a", "item_b", "confidence"]].set_axis(["item_b", "item_a", "confidence_b_to_a"], axis=1)
    rules = rules.rename(columns={"confidence": "confidence_a_to_b"}).merge(backwards, on=["item_a", "item_b"])
    rules = rules[rules["item_a"] < rules["item_b"]]
    columns = ["item_a", "item_b", "support", "confidence_a_to_b", "confidence_b_to_a", "lift", "leverage"]
    return rules[columns].sort_values(["item_a", "item_b"], ignore_index=True)
