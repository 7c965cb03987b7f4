"""Who buys: recency, frequency and revenue, rhythm, lifecycle, cohorts."""

from custaudience.customers.cohorts import (
    activity_table,
    cohort_table,
    retention_cells,
    retention_table,
    time_to_second_order,
)
from custaudience.customers.history import HistoryCheck, check_first_orders, first_order_counts
from custaudience.customers.lifecycle import Backtest, Lifecycle, backtest_lost, backtest_overdue, classify_lifecycle
from custaudience.customers.rfm import RfmScores, cut_points, score_rfm, summarise_rfm
from custaudience.customers.rfm_segments import (
    SegmentRules,
    assign_segments,
    level_of,
    load_segment_rules,
    summarise_segments,
)
from custaudience.customers.rhythm import (
    Rhythm,
    gap_classes,
    measure_rhythm,
    order_days,
    order_gaps,
    overdue_customers,
    pool_gaps,
    pooled_quantile,
)
from custaudience.customers.survival import SurvivalComparison, compare_survival, median_survival, survival_table

__all__ = [
    "Backtest",
    "HistoryCheck",
    "Lifecycle",
    "RfmScores",
    "Rhythm",
    "SegmentRules",
    "SurvivalComparison",
    "activity_table",
    "assign_segments",
    "backtest_lost",
    "backtest_overdue",
    "check_first_orders",
    "classify_lifecycle",
    "cohort_table",
    "compare_survival",
    "cut_points",
    "first_order_counts",
    "gap_classes",
    "level_of",
    "load_segment_rules",
    "measure_rhythm",
    "median_survival",
    "order_days",
    "order_gaps",
    "overdue_customers",
    "pool_gaps",
    "pooled_quantile",
    "retention_cells",
    "retention_table",
    "score_rfm",
    "summarise_rfm",
    "summarise_segments",
    "survival_table",
    "time_to_second_order",
]
