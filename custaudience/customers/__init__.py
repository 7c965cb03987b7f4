"""Who buys: recency, rhythm, lifecycle, cohorts, value, drivers, segments, products, response."""

from custaudience.customers.affinity.cross_sell import MissedCrossSell, RegularBuyers, missed_cross_sell, regular_buyers
from custaudience.customers.affinity.pairs import Offer, ProductPairs, product_pairs
from custaudience.customers.bridge.bridge import RevenueBridge, revenue_bridge
from custaudience.customers.bridge.concentration import Concentration, concentration
from custaudience.customers.clv.formulas import (
    FormulaValue,
    Outlook,
    ShiftedBetaGeometric,
    average_revenue_per_buyer,
    margin_clv,
    simple_clv,
)
from custaudience.customers.clv.gammagamma import GammaGamma
from custaudience.customers.clv.predicting import ClvPrediction, HoldOut, check_hold_out, predict_clv
from custaudience.customers.clv.purchases import BgNbd, ParetoNbd
from custaudience.customers.clv.repeat import Counting, count_purchase_days, summarise_repeat_purchases
from custaudience.customers.cohorts.cohorts import (
    activity_table,
    cohort_table,
    retention_cells,
    retention_table,
    time_to_second_order,
)
from custaudience.customers.cohorts.second_order import SecondOrder, second_order
from custaudience.customers.cohorts.survival import (
    SurvivalComparison,
    compare_survival,
    median_survival,
    survival_table,
)
from custaudience.customers.drivers.drivers import Drivers, DriverTests, find_drivers
from custaudience.customers.drivers.study import DriverStudy, driver_study
from custaudience.customers.features.features import CustomerFeatures, customer_features
from custaudience.customers.history import HistoryCheck, check_first_orders, first_order_counts
from custaudience.customers.lifecycle.lifecycle import (
    Backtest,
    Lifecycle,
    RhythmRule,
    backtest_lost,
    backtest_overdue,
    classify_lifecycle,
)
from custaudience.customers.response.response import NO_HOLD_OUT, CampaignResponse, CampaignTables, campaign_response
from custaudience.customers.rfm.scores import RfmScores, cut_points, score_rfm, summarise_rfm
from custaudience.customers.rfm.segments import (
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
from custaudience.customers.segments.choosing_k import GroupCount, choose_k
from custaudience.customers.segments.clusters import (
    CustomerSegments,
    SegmentStability,
    segment_customers,
    segment_stability,
)
from custaudience.customers.segments.grouping import gower_distance
from custaudience.customers.segments.preparation import Preparation, learn_preparation
from custaudience.customers.segments.profiles import SegmentProfiles, describe_segments
from custaudience.customers.segments.rules import SegmentTree, segment_rules

__all__ = [
    "NO_HOLD_OUT",
    "Backtest",
    "BgNbd",
    "CampaignResponse",
    "CampaignTables",
    "ClvPrediction",
    "Concentration",
    "Counting",
    "CustomerFeatures",
    "CustomerSegments",
    "DriverStudy",
    "DriverTests",
    "Drivers",
    "FormulaValue",
    "GammaGamma",
    "GroupCount",
    "HistoryCheck",
    "HoldOut",
    "Lifecycle",
    "MissedCrossSell",
    "Offer",
    "Outlook",
    "ParetoNbd",
    "Preparation",
    "ProductPairs",
    "RegularBuyers",
    "RevenueBridge",
    "RfmScores",
    "Rhythm",
    "RhythmRule",
    "SecondOrder",
    "SegmentProfiles",
    "SegmentRules",
    "SegmentStability",
    "SegmentTree",
    "ShiftedBetaGeometric",
    "SurvivalComparison",
    "activity_table",
    "assign_segments",
    "average_revenue_per_buyer",
    "backtest_lost",
    "backtest_overdue",
    "campaign_response",
    "check_first_orders",
    "check_hold_out",
    "choose_k",
    "classify_lifecycle",
    "cohort_table",
    "compare_survival",
    "concentration",
    "count_purchase_days",
    "customer_features",
    "cut_points",
    "describe_segments",
    "driver_study",
    "find_drivers",
    "first_order_counts",
    "gap_classes",
    "gower_distance",
    "learn_preparation",
    "level_of",
    "load_segment_rules",
    "margin_clv",
    "measure_rhythm",
    "median_survival",
    "missed_cross_sell",
    "order_days",
    "order_gaps",
    "overdue_customers",
    "pool_gaps",
    "pooled_quantile",
    "predict_clv",
    "product_pairs",
    "regular_buyers",
    "retention_cells",
    "retention_table",
    "revenue_bridge",
    "score_rfm",
    "second_order",
    "segment_customers",
    "segment_rules",
    "segment_stability",
    "simple_clv",
    "summarise_repeat_purchases",
    "summarise_rfm",
    "summarise_segments",
    "survival_table",
    "time_to_second_order",
]
