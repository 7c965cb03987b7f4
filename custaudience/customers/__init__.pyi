from .affinity.cross_sell import MissedCrossSell, RegularBuyers, missed_cross_sell, regular_buyers
from .affinity.pairs import Offer, ProductPairs, product_pairs
from .bridge.bridge import RevenueBridge, revenue_bridge
from .bridge.concentration import Concentration, concentration
from .clv.formulas import FormulaValue, Outlook, ShiftedBetaGeometric, average_revenue_per_buyer, margin_clv, simple_clv
from .clv.predicting import ClvPrediction, HoldOut, check_hold_out, predict_clv
from .clv.purchases import BgNbd, GammaGamma, ParetoNbd
from .clv.repeat import Counting, count_purchase_days, summarise_repeat_purchases
from .cohorts.cohorts import activity_table, cohort_table, retention_cells, retention_table, time_to_second_order
from .cohorts.second_order import SecondOrder, second_order
from .cohorts.survival import SurvivalComparison, compare_survival, median_survival, survival_table
from .drivers.drivers import Drivers, DriverTests, find_drivers
from .drivers.study import DriverStudy, driver_study
from .features.features import CustomerFeatures, customer_features
from .history import HistoryCheck, check_first_orders, first_order_counts
from .lifecycle.lifecycle import Backtest, Lifecycle, RhythmRule, backtest_lost, backtest_overdue, classify_lifecycle
from .response.response import NO_HOLD_OUT, CampaignResponse, CampaignTables, campaign_response
from .rfm.scores import RfmScores, cut_points, score_rfm, summarise_rfm
from .rfm.segments import SegmentRules, assign_segments, level_of, load_segment_rules, summarise_segments
from .rhythm import (
    Rhythm,
    gap_classes,
    measure_rhythm,
    order_days,
    order_gaps,
    overdue_customers,
    pool_gaps,
    pooled_quantile,
)
from .segments.choosing_k import GroupCount, choose_k
from .segments.clusters import CustomerSegments, SegmentStability, segment_customers, segment_stability
from .segments.grouping import gower_distance
from .segments.preparation import Preparation, learn_preparation
from .segments.rules import SegmentProfiles, SegmentTree, describe_segments, segment_rules

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
