"""Notebook 36 elsewhere and at another date: no campaign that began later, no id, refusals in words."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.notebooks import running

ROOT = running.ROOT
NOTEBOOK = "36_campaign_response.ipynb"


def run(folder: Path, **parameters: str) -> tuple[list[str], dict[str, Any], Path]:
    return running.run(NOTEBOOK, folder, short=True, **parameters)


@pytest.mark.parametrize("study", ["shop"])  # as cdnow and b2b: no campaigns
def test_studies_without_campaigns_are_refused_in_words(study: str, tmp_path: Path) -> None:
    texts, claims, out = run(tmp_path, study=str(ROOT / "data" / study))
    assert list(claims) == ["finding"] and claims["finding"]["status"] == "too_few"
    assert any("Nothing below can be computed" in text for text in texts) and not list((out / "tables").iterdir())


@pytest.mark.slow
def test_in_september_later_campaigns_do_not_exist(tmp_path: Path) -> None:
    """Cutting campaigns, contacts and redemptions at the date changes nothing, and no small count is published."""
    source, cut = ROOT / "data" / "grocery", tmp_path / "grocery"
    shutil.copytree(source, cut)
    plan = pd.read_parquet(source / "campaign_descriptions.parquet")
    plan = plan[plan["start_date"] <= "2017-09-30"]
    plan.to_parquet(cut / "campaign_descriptions.parquet", index=False)
    sent = pd.read_parquet(source / "campaigns.parquet")
    sent[sent["campaign_id"].isin(plan["campaign_id"])].to_parquet(cut / "campaigns.parquet", index=False)
    back = pd.read_parquet(source / "coupon_redemptions.parquet")
    back = back[back["redemption_date"] <= "2017-09-30"]
    back.to_parquet(cut / "coupon_redemptions.parquet", index=False)
    (_, claims, _), _ = running.run_whole_and_cut(NOTEBOOK, tmp_path, source, cut, short=True, as_of="2017-09-30")
    assert claims["judged"]["values"]["all"] == len(plan) and claims["finding"]["values"]["campaign"] == "13"


def test_before_any_campaign_was_over(tmp_path: Path) -> None:
    _, claims, _ = run(tmp_path, study=str(ROOT / "data" / "grocery"), as_of="2017-02-28")
    assert list(claims) == ["finding"]
    assert claims["finding"]["values"]["reason"] == "no campaign was over by then, with all answers in sight"
