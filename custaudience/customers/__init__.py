"""Who buys: recency, rhythm, lifecycle, cohorts, value, drivers, segments, products, response."""

from custaudience.customers.affinity import ProductPairs, product_pairs
from custaudience.customers.bgnbd import BgNbd
from custaudience.customers.bridge import RevenueBridge, revenue_bridge
from custaudience.customers.choosing_k import GroupCount, choose_k
from custaudience.customers.cluster_preparation import Preparation, learn_preparation
from custaudience.customers.cluster_profiles import SegmentProfiles, describe_segments
from custaudience.customers.cluster_rules import SegmentTree, segment_rules
from custaudience.customers.cluster_stability import SegmentStability, segment_stability
from custaudience.customers.clusters import CustomerSegments, segment_customers
from custaudience.customers.clv_formulas import FormulaValue, average_revenue_per_buyer, margin_clv, simple_clv
from custaudience.customers.cohorts import (
    activity_table,
    cohort_table,
    retention_cells,
    retention_table,
    time_to_second_order,
)
from custaudience.customers.concentration import Concentration, concentration
from custaudience.customers.cross_sell import MissedCrossSell, RegularBuyers, missed_cross_sell, regular_buyers
from custaudience.customers.driver_study import DriverStudy, driver_study
from custaudience.customers.drivers import Drivers, find_drivers
from custaudience.customers.features import CustomerFeatures, customer_features
from custaudience.customers.gammagamma import GammaGamma
from custaudience.customers.gower import gower_distance
from custaudience.customers.history import HistoryCheck, check_first_orders, first_order_counts
from custaudience.customers.hold_out import HoldOut, check_hold_out
from custaudience.customers.lifecycle import Backtest, Lifecycle, backtest_lost, backtest_overdue, classify_lifecycle
from custaudience.customers.paretonbd import ParetoNbd
from custaudience.customers.predicting import ClvPrediction, predict_clv
from custaudience.customers.repeat import count_purchase_days, summarise_repeat_purchases
from custaudience.customers.response import NO_HOLD_OUT, CampaignResponse, campaign_response
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
from custaudience.customers.sbg import ShiftedBetaGeometric
from custaudience.customers.second_order import SecondOrder, second_order
from custaudience.customers.survival import SurvivalComparison, compare_survival, median_survival, survival_table

__all__ = [
    "NO_HOLD_OUT",
    "Backtest",
    "BgNbd",
    "CampaignResponse",
    "ClvPrediction",
    "Concentration",
    "CustomerFeatures",
    "CustomerSegments",
    "DriverStudy",
    "Drivers",
    "FormulaValue",
    "GammaGamma",
    "GroupCount",
    "HistoryCheck",
    "HoldOut",
    "Lifecycle",
    "MissedCrossSell",
    "ParetoNbd",
    "Preparation",
    "ProductPairs",
    "RegularBuyers",
    "RevenueBridge",
    "RfmScores",
    "Rhythm",
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
