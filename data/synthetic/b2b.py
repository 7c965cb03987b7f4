"""A made-up supplier of packing machines that sells to organisations: few customers, few and large contracts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.random import Generator, default_rng

from synthetic.made import SyntheticStudy

B2B_SEED = 20221101
FIRST_DAY, N_DAYS = np.datetime64("2022-11-01"), 1096  # to 31 October 2025: 36 months
N_ORGANISATIONS, N_PROSPECTS = 140, 18
CREDIT_SHARE = 0.06  # of contracts

# returns: chance of a second contract within a year (trade fair); goes_on: of another one after each later one;
# gap: median days between contracts; scale: of the amounts
GROUPS = pd.DataFrame(
    [("framework", 0.85, 0.93, 80, 1.0), ("project", 0.55, 0.50, 200, 1.6), ("occasional", 0.35, 0.60, 110, 0.6)],
    columns=["group", "returns", "goes_on", "gap", "scale"],
)
SIZES = ("1-49", "50-249", "250+")
GROUP_BY_SIZE = np.array([[0.12, 0.23, 0.65], [0.35, 0.35, 0.30], [0.65, 0.27, 0.08]])  # rows: SIZES, columns: GROUPS
SOURCES = pd.DataFrame(
    [("Trade fair", 0.40, 0.0), ("Referral", 0.25, 0.12), ("Web form", 0.35, -0.20)],
    columns=["level", "share", "effect"],  # effect: added to the chance of a second contract within a year
)
LINES = pd.DataFrame(  # what a contract of each group holds, and the usual amount in EUR
    [
        ("Packing machine", 0.04, 0.70, 0.02, 68_000),
        ("Service agreement", 0.15, 0.05, 0.05, 9_500),
        ("Spare parts", 0.45, 0.20, 0.48, 3_800),
        ("Consumables", 0.65, 0.12, 0.55, 2_600),
        ("Training", 0.03, 0.03, 0.02, 4_200),
    ],
    columns=["product", "framework", "project", "occasional", "amount"],
)
SERVICE_WITH_MACHINE = 0.65
_SEASON = (0.7, 0.9, 1.15, 1.1, 1.0, 1.1, 0.85, 0.55, 1.15, 1.15, 1.1, 1.25)  # January to December


def make_b2b(seed: int = B2B_SEED) -> SyntheticStudy:
    """Make the supplier: 36 months of contracts, the organisations, and what was planted.

    Parameters
    ----------
    seed : int
        The same seed gives the same frames.

    Returns
    -------
    SyntheticStudy
        ``tables``: "contracts.xlsx" (its data rows, without title and totals) and "clients.xlsx", typed.
        ``truth``: "customers" (``customer_id, group, n_contracts, planned_return``), "groups" (`GROUPS`),
        "attributes" (``attribute, level, role, outcome, effect, meaning``), "pairs" (``bought, goes_with, role,
        probability, meaning``).
    """
    rng = default_rng(seed)
    clients = _draw_clients(rng)
    contracts = _draw_contracts(rng, clients)
    rows = _draw_rows(rng, contracts, clients)
    counts = contracts.groupby("client").size().reindex(clients.index, fill_value=0)
    truth = {
        "customers": pd.DataFrame(
            {
                "customer_id": clients["id"],
                "group": GROUPS["group"].to_numpy()[clients["group"]],
                "n_contracts": counts,
                "planned_return": clients["returns"] & clients["buyer"],
            }
        ),
        "groups": GROUPS.copy(),
        "attributes": _attribute_truth(),
        "pairs": pd.DataFrame(
            [("Packing machine", "Service agreement", "pair", SERVICE_WITH_MACHINE, "in every contract")],
            columns=["bought", "goes_with", "role", "probability", "meaning"],
        ),
    }
    return SyntheticStudy("b2b", seed, {"contracts.xlsx": rows, "clients.xlsx": _client_file(clients)}, truth)


def _reached() -> np.ndarray:
    """Return the running sum of how busy the days are, 1 on average; August and January are quiet."""
    days = pd.DatetimeIndex(FIRST_DAY + np.arange(N_DAYS))
    busy = np.array(_SEASON)[days.month - 1] * (days.day_of_week < 5)
    return np.concatenate(([0.0], np.cumsum(busy / busy.mean())))


def _draw_clients(rng: Generator) -> pd.DataFrame:
    n = N_ORGANISATIONS + N_PROSPECTS
    size = rng.choice(3, n, p=[0.45, 0.36, 0.19])
    group = (rng.random(n)[:, None] > np.cumsum(GROUP_BY_SIZE[size], axis=1)).sum(axis=1)
    source = rng.choice(3, n, p=SOURCES["share"].to_numpy())
    chance = GROUPS["returns"].to_numpy()[group] + SOURCES["effect"].to_numpy()[source]
    reached, ends = _reached(), np.arange(N_DAYS + 1)
    buyer = np.arange(n) < N_ORGANISATIONS
    # the first contract of most falls into the first two years
    start = np.interp(rng.beta(1.0, 1.5, n) * 0.98 * reached[-1], reached, ends)
    number = rng.permutation(np.arange(7, 7 + n))
    return pd.DataFrame(
        {
            "id": [f"{value:05d}" for value in number],
            "size": size,
            "group": group,
            "source": SOURCES["level"].to_numpy()[source],
            "industry": rng.choice(
                ["Food", "Pharma", "Logistics", "Cosmetics", "Agriculture"], n, p=[0.34, 0.14, 0.2, 0.12, 0.2]
            ),
            "region": rng.choice(["Kyiv", "West", "Centre", "South", "Abroad"], n, p=[0.3, 0.26, 0.2, 0.14, 0.1]),
            "manager": rng.choice(["Manager 1", "Manager 2", "Manager 3", "Manager 4"], n),
            "start": start,
            "returns": rng.random(n) < chance,
            "scale": np.exp(rng.normal(0, 0.4, n)) * np.array([0.7, 1.0, 1.7])[size],
            "buyer": buyer,
        }
    )


def _draw_contracts(rng: Generator, clients: pd.DataFrame) -> pd.DataFrame:
    """Return one row per contract by day: ``client, nth, day, number``; see `people.draw_orders` for the rule."""
    buyers = clients[clients["buyer"]]
    n, group = len(buyers), buyers["group"].to_numpy()
    later = np.where(buyers["returns"], rng.geometric(1 - GROUPS["goes_on"].to_numpy()[group]), 0)
    gaps = GROUPS["gap"].to_numpy()[group][:, None] * np.exp(rng.normal(0, 0.5, (n, 40)))
    gaps[:, 0] = np.where(gaps[:, 0] > 360, rng.uniform(90, 360, n), gaps[:, 0])
    elapsed = np.concatenate((np.zeros((n, 1)), np.cumsum(np.maximum(gaps, 5.0), axis=1)), axis=1)
    reached, ends = _reached(), np.arange(N_DAYS + 1)
    start = np.interp(buyers["start"].to_numpy(), ends, reached)
    day = np.interp(start[:, None] + elapsed, reached, ends, right=np.inf)
    client, nth = np.nonzero((np.arange(41) <= later[:, None]) & (day < N_DAYS))
    contracts = pd.DataFrame({"client": client, "nth": nth, "day": np.floor(day[client, nth]).astype(int)})
    contracts = contracts.sort_values(["day", "client"], ignore_index=True)
    contracts["number"] = [f"C-{place:04d}" for place in range(1, len(contracts) + 1)]
    return contracts


def _draw_rows(rng: Generator, contracts: pd.DataFrame, clients: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of contracts.xlsx: one per contract and product, credit notes later and negative."""
    group = clients["group"].to_numpy()[contracts["client"]]
    shares = LINES[list(GROUPS["group"])].to_numpy().T[group]
    holds = rng.random(shares.shape) < shares
    empty = ~holds.any(axis=1)
    holds[np.flatnonzero(empty), np.argmax(shares[empty], axis=1)] = True
    holds[:, 1] |= holds[:, 0] & (rng.random(len(contracts)) < SERVICE_WITH_MACHINE)
    contract, product = np.nonzero(holds)
    scale = GROUPS["scale"].to_numpy()[group] * clients["scale"].to_numpy()[contracts["client"]]
    usual = LINES["amount"].to_numpy()[product] * scale[contract] * np.exp(rng.normal(0, 0.35, len(contract)))
    units = np.where(product <= 1, 1, 1 + rng.poisson(np.where(product == 3, 9, 3), len(contract)))
    cents = np.round(usual * 100 / units).astype(int) * units
    rows = pd.DataFrame({"contract": contract, "product": product, "units": units, "cents": cents})
    rows["day"] = contracts["day"].to_numpy()[contract]
    credited = rng.random(len(contracts)) < CREDIT_SHARE
    notes = rows[credited[contract] & ~rows["contract"].duplicated()].copy()
    part = rng.choice([0.1, 0.25, 1.0], len(notes), p=[0.4, 0.3, 0.3])
    notes["cents"] = -np.round(notes["cents"] * part).astype(int)
    notes["units"] = np.where(part == 1.0, -notes["units"], 0)
    notes["day"] += rng.integers(10, 60, len(notes))
    both = pd.concat([rows.assign(document="Contract"), notes.assign(document="Credit note")], ignore_index=True)
    both = both[both["day"] < N_DAYS].sort_values(["day", "contract", "product"], kind="stable", ignore_index=True)
    return pd.DataFrame(
        {
            "Contract no.": contracts["number"].to_numpy()[both["contract"]],
            "Signed on": (FIRST_DAY + both["day"].to_numpy()).astype("datetime64[s]"),
            "Client ID": clients["id"].to_numpy()[contracts["client"].to_numpy()[both["contract"]]],
            "Document": both["document"],
            "Product line": LINES["product"].to_numpy()[both["product"]],
            "Units": both["units"],
            "Net amount, EUR": both["cents"] / 100,
        }
    )


def _client_file(clients: pd.DataFrame) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "Client ID": clients["id"],
            "Industry": clients["industry"],
            "Employees": np.array(SIZES)[clients["size"]],
            "Region": clients["region"],
            "First contact": clients["source"],
            "Account manager": clients["manager"],
        }
    )
    return frame.sort_values("Client ID", ignore_index=True)


def _attribute_truth() -> pd.DataFrame:
    second, added = "second contract within 365 days", "added to the chance"
    rows = [
        ("First contact", level, "driver", second, effect, added)
        for level, effect in zip(SOURCES["level"], SOURCES["effect"], strict=True)
    ]
    rows += [
        ("Employees", size, "driver", "hidden group framework", float(share), "share of the size")
        for size, share in zip(SIZES, GROUP_BY_SIZE[:, 0], strict=True)
    ]
    rows += [(name, "", "useless", "", 0.0, "") for name in ("Industry", "Region", "Account manager")]
    return pd.DataFrame(rows, columns=["attribute", "level", "role", "outcome", "effect", "meaning"])
