"""Personas: figures that recount, blanks that are honest, nothing of anybody."""

import dataclasses
import datetime as dt
import math

import numpy as np
import pandas as pd
import pytest
from persona_data import AS_OF, CATEGORIES, TERMS, features_of, personas_of, shop, sources_of

from custaudience.audience import AVATAR_BLOCKS, BUYING_ROLES, PROFILE_KINDS, PersonaFrame, build_persona, holds_since
from custaudience.audience.personas.ground import category_ratios
from custaudience.audience.personas.persona import SLOTS, is_blank
from custaudience.audience.personas.words import epithets, name_numbers, name_of, questions, words
from custaudience.customers import segment_customers
from custaudience.errors import ColumnError, DataError, EmptyTableError
from custaudience.evidence import Claim, template
from custaudience.present.words import render_claim


@pytest.fixture(scope="module")
def made():
    return shop()


@pytest.fixture(scope="module")
def personas(made):
    return personas_of(made, frame=PersonaFrame("Made up"))


def by_key(persona) -> dict[str, Claim]:
    return {claim.id.split(".")[1]: claim for claim in persona.claims()}


def test_constants_of_the_documents() -> None:
    assert (len(AVATAR_BLOCKS), len(PROFILE_KINDS), len(BUYING_ROLES)) == (5, 4, 6)
    assert set(AVATAR_BLOCKS) < set(SLOTS)
    assert {slot for slots in PROFILE_KINDS.values() for slot in slots} < set(SLOTS)


def test_size_and_shares_are_counted(made, personas) -> None:
    table, labels = made["features"].table, made["labels"]
    for persona in personas:
        own = table[(labels == persona.segment).to_numpy()]
        claim = by_key(persona)["size"]
        assert claim.kind == "count" and claim.value == claim.n == len(own) == persona.n
        assert claim.values["share"] == pytest.approx(len(own) / 300)
        assert claim.values["share_revenue"] == pytest.approx(own["revenue_total"].sum() / table["revenue_total"].sum())
    assert sum(p.n or 0 for p in personas) == 300


def test_every_difference_recounts_from_the_frames(made, personas) -> None:
    """The figures of each claim come out of plain pandas, whichever of median, mean and share was taken."""
    table, labels = made["features"].table, made["labels"].to_numpy()
    counted = 0
    for persona in personas:
        inside = labels == persona.segment
        for claim in persona.claims():
            if claim.kind != "difference" or claim.unit == "ratio" or claim.statistic == "known_for":
                continue
            column = table[str(claim.values["which"])]
            if claim.values["category"]:
                column = (column.astype("str") == claim.values["category"]).astype(float)
            a, b = column[inside].astype(float), column[~inside].astype(float)
            typical = "median" if "Medians" in claim.method else "mean"
            expected = float(getattr(a, typical)()), float(getattr(b, typical)())
            assert claim.value == pytest.approx(expected[0] - expected[1], rel=1e-9, abs=1e-12), claim.id
            assert claim.values["value"] == pytest.approx(expected[0], abs=0.51 if expected[0] > 99 else 0.051)
            assert claim.low <= claim.value <= claim.high and claim.level == 0.95
            assert (claim.n, claim.values["n_others"]) == (int(inside.sum()), int((~inside).sum()))
            counted += 1
    assert counted >= 3 * 7


def test_categories_recount_and_find_what_was_planted(made, personas) -> None:
    sales, labels = made["sales"], made["labels"]
    sums = sales.assign(segment=sales["customer_id"].map(labels)).pivot_table(
        index="segment", columns="category", values="sales_minor", aggfunc="sum"
    )
    for persona in personas:
        own, others = sums.loc[persona.segment], sums.drop(persona.segment).sum()
        for claim in persona.slots["categories"]:
            name = claim.values["raw"]
            share, base = own[name] / own.sum(), others[name] / others.sum()
            assert claim.value == pytest.approx(share / base)
            assert claim.values["share"] == pytest.approx(share)
    alpha = personas[[p.segment for p in personas].index("alpha")]
    assert alpha.things[0] == "Fish" and alpha.slots["categories"][0].low > 1
    assert by_key(alpha)["advice_lead"].values["category"] == "Fish"
    assert by_key(alpha)["advice_discounted_share"].template == "Do not begin with a discount"


def test_ratio_against_a_worked_example() -> None:
    """Two segments of 40: the one spends 30 of 40 on bread, the other 10 of 40: ratio 3."""
    ids = [f"c{i}" for i in range(80)]
    a = np.repeat([1, 0], 40).astype(bool)
    spread = np.tile([-5, 5], 40)
    rows = [(i, "Bread", (30 if x else 10) + s) for i, x, s in zip(ids, a, spread, strict=True)]
    rows += [(i, "Fish", (10 if x else 30) - s) for i, x, s in zip(ids, a, spread, strict=True)]
    sales = pd.DataFrame(rows, columns=["customer_id", "category", "sales_minor"])
    labels = pd.Series(np.where(a, "a", "b"), index=ids)
    table = category_ratios(sales, labels, TERMS).set_index(["segment", "category"])
    row = table.loc[("a", "Bread")]
    assert (row["share"], row["share_others"], row["ratio"]) == pytest.approx((0.75, 0.25, 3.0))
    # totals are 40 for all, so the error of a share is that of a mean: sd 5 / 40 / sqrt(40)
    error = 5 * math.sqrt(40 / 39) / 40 / math.sqrt(40)
    reach = math.exp(1.959964 * math.sqrt((error / 0.75) ** 2 + (error / 0.25) ** 2))
    assert (row["low"], row["high"]) == pytest.approx((3 / reach, 3 * reach), rel=1e-6)
    assert row["status"] == "measured" and row["n_buyers"] == 40


def test_intervals_of_ratios_hold_and_noise_is_not_clear() -> None:
    """Same tastes in all segments: the interval holds 1 in about 95 of 100, and FDR calls hardly any clear."""
    held, clear, n = 0, 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        ids = [f"c{i}" for i in range(240)]
        amounts = rng.gamma(1.5, 40, 240)[:, None] * rng.dirichlet([3, 2, 1, 1], 240)
        sales = pd.DataFrame(amounts, index=ids, columns=list("ABCD")).stack().reset_index()
        sales.columns = ["customer_id", "category", "sales_minor"]
        labels = pd.Series(rng.choice(["x", "y", "z"], 240), index=ids)
        table = category_ratios(sales, labels, TERMS)
        held += int(((table["low"] <= 1) & (table["high"] >= 1)).sum())
        clear += int((table["status"] == "measured").any())
        n += len(table)
    assert 0.92 <= held / n <= 0.98
    assert clear <= 6  # at most 5 % of studies in expectation; 6 of 40 has a chance below 1 %


def test_sensitive_categories_are_left_out(made) -> None:
    sales = made["sales"].replace({"category": {"Paint": "Home health care"}})
    assert set(category_ratios(sales, made["labels"], TERMS)["category"]) == {"Bread", "Fish"}
    assert "Home health care" in set(category_ratios(sales, made["labels"], TERMS, include_sensitive=True)["category"])


def test_blocks_without_data_ask(personas) -> None:
    for persona in personas:
        assert persona.filled == ("demographics", "sources")
        for block in ("goals", "problems", "barriers"):
            (claim,) = persona.slots[block]
            assert is_blank(claim) and claim.status == "too_few" and claim.n == 0
            assert 2 <= len(questions(block)) <= 3
            for question in questions(block):
                assert question["uk"] in render_claim(claim, language="uk")


def test_answers_and_own_claims_fill_blocks(made) -> None:
    ids = made["labels"].index
    answers = pd.DataFrame({"customer_id": ids, "main_barrier": np.where(np.arange(300) % 3, "Price", "Time")})
    goal = Claim(
        id="survey.goal.alpha", template=template("{line:text}"), values={"line": "Save time"}, kind="typed",
        status="typed", statistic="typed", value=None, unit="", n=None, source="survey", as_of=AS_OF,
        notebook="x.ipynb",
    )  # fmt: skip
    frame = PersonaFrame(more={"alpha": {"goals": [goal]}})
    persona = build_persona("alpha", sources_of(made, category_sales=None, answers=answers), TERMS, frame)
    assert persona.slots["goals"] == (goal,)
    assert {"goals", "barriers"} < set(persona.filled)
    assert by_key(persona)["filled"].value == 4
    assert persona.profile("psychographic") == [goal] and persona.profile("demographic")
    with pytest.raises(ValueError, match="no kind 'buying'"):
        persona.profile("buying")


def test_responses_are_of_those_contacted(made) -> None:
    ids = list(made["labels"].index)
    contacts = pd.DataFrame({"customer_id": ids[:250], "campaign_id": "1"})
    late = pd.Timestamp("2025-11-02")
    responses = pd.DataFrame(
        {"customer_id": [*ids[:60], *ids[200:210]], "campaign_id": "1", "responded_on": pd.Timestamp("2025-05-01")}
    )
    responses.loc[0, "responded_on"] = late
    persona = build_persona("alpha", sources_of(made, contacts=contacts, responses=responses), TERMS)
    claim = by_key(persona)["sources_responded"]
    assert claim.values["value"] == pytest.approx(59 / 90)  # the one after the date does not exist
    assert claim.values["others"] == pytest.approx(10 / 160)
    assert "chosen" in claim.method


def test_small_segment_is_named_without_figures(made) -> None:
    labels = made["labels"].copy()
    labels.iloc[:9] = "tiny"
    persona = build_persona("tiny", sources_of(made, labels=labels), TERMS)
    assert persona.n is None and not persona.things
    assert {slot for slot, claims in persona.slots.items() if claims} == {"name", "size"}
    assert all(c.value is None and c.n is None for c in persona.claims())
    one = made["labels"].copy()
    one.iloc[0] = "single"
    assert build_persona("single", sources_of(made, labels=one), TERMS).n is None


def test_segment_under_thirty_is_not_compared(made) -> None:
    labels = made["labels"].copy()
    labels.iloc[:20] = "few"
    persona = build_persona("few", sources_of(made, labels=labels), TERMS)
    assert not [c for c in persona.claims() if c.kind == "difference"]
    facts = persona.slots["facts"]
    assert len(facts) == 4 and {c.kind for c in facts} == {"count"}
    own = made["features"].table.iloc[:20]
    assert facts[2].value == pytest.approx(own["revenue_total"].median())
    assert by_key(persona)["behaviour_few"].status == "too_few"


def test_one_segment_has_nobody_to_compare_with(made) -> None:
    (persona,) = personas_of(made, labels=pd.Series("all", index=made["labels"].index))
    assert persona.n == 300 and not [c for c in persona.claims() if c.kind == "difference"] and persona.slots["facts"]


def test_no_demographics_no_categories_and_no_price(made) -> None:
    bare = features_of(made["features"].table.drop(columns=["age", "channel", "discounted_share"]))
    for persona in personas_of(made, features=bare, category_sales=made["sales"].iloc[:0]):
        assert persona.filled == () and not persona.slots["categories"] and not persona.things
        assert [is_blank(c) for slot in ("demographics", "price") for c in persona.slots[slot]] == [True, True]


def test_demographics_known_for_a_biased_third_say_so(made) -> None:
    table = made["features"].table.copy()
    spent = table["revenue_total"].groupby(made["labels"].to_numpy()).rank(pct=True)
    table["age"] = table["age"].where(spent > 0.6)
    personas = personas_of(made, features=features_of(table, ("age", "channel")))
    alpha = next(p for p in personas if p.segment == "alpha")
    claim = by_key(alpha)["demographics_known"]
    own = table[(made["labels"] == "alpha").to_numpy()]
    known = own["age"].notna()
    assert claim.values["known"] == int(known.sum()) and claim.kind == "difference"
    typical = own["revenue_total"].groupby(known).agg("median" if "Median" in claim.method else "mean")
    assert (claim.values["value"], claim.values["rest"]) == pytest.approx((typical[True], typical[False]))
    assert "spend more than the rest" in render_claim(claim, language="en")


def test_names_are_imagined_stable_and_unique(made, personas) -> None:
    assert len({p.name["en"] for p in personas}) == 3
    for persona in personas:
        (claim,) = persona.slots["name"]
        assert claim.kind == "imagined" and set(claim.values["name"]) == {"en", "uk"}
    assert [name_of(p.name_number) for p in personas] == [dict(p.name) for p in personas]
    before = {p.segment: p.name_number for p in personas}
    labels = made["labels"].replace("gamma", "a newcomer")
    later = personas_of(made, labels=labels, frame=PersonaFrame(names=before))
    assert {p.segment: p.name_number for p in later if p.segment in before} == {
        k: v for k, v in before.items() if k != "gamma"
    }
    assert len(set(name_numbers([f"s{i}" for i in range(32)]).values())) == 32


def test_words_are_whole_in_every_language() -> None:
    names = words()["names"]
    assert len(set(map(len, names.values()))) == 1 and all(len(set(n)) == len(n) for n in names.values())
    texts = [t for e in epithets() for t in (e.who, e.story)] + [q for b in AVATAR_BLOCKS for q in questions(b)]
    texts += list(words()["columns"].values())
    assert all(set(text) == {"en", "uk"} and all(text.values()) for text in texts)
    assert len({e.key for e in epithets()}) == len(epithets()) and epithets()[-1].feature == ""


def test_made_from_is_no_finding(made) -> None:
    persona = build_persona("alpha", sources_of(made, made_from=["revenue_total"]), TERMS)
    methods = {c.values["which"]: c.method for c in persona.slots["facts"]}
    assert "no finding" in methods["revenue_total"] and "no finding" not in methods["revenue_per_order"]


def test_groups_that_were_found_know_what_they_were_made_from(made) -> None:
    table = made["features"].table
    found = segment_customers(table[["customer_id", "revenue_total", "n_orders", "weekend_share"]], 2)
    persona = personas_of(made, labels=found)[0]
    methods = {c.values["which"]: c.method for c in persona.slots["facts"]}
    assert persona.segment == "A" and persona.system == "found"
    assert "no finding" in methods["n_orders"] and "no finding" not in methods["revenue_per_order"]


def test_noise_is_hardly_ever_clear() -> None:
    """Segments drawn by lot: over 20 studies the share with any clear difference stays near the nominal rate."""
    clear = 0
    for seed in range(20):
        made = shop(200, seed=seed)
        labels = pd.Series(np.random.default_rng(seed).choice(["x", "y", "z"], 200), index=made["labels"].index)
        personas = personas_of(made, labels=labels)
        clear += any(c.kind == "difference" and c.status == "measured" for p in personas for c in p.claims())
    assert clear <= 6  # two families at 5 % each: 2 expected, 7 or more has a chance below 1 %


def test_the_typical_member_is_no_row_and_nobody_is_named(made, personas) -> None:
    text = repr([dataclasses.asdict(p) for p in personas])
    assert "secret-" not in text
    ids = [c.id for p in personas for c in p.claims()]
    assert len(set(ids)) == len(ids)


def test_order_of_rows_does_not_matter(made, personas) -> None:
    mixed = np.random.default_rng(0).permutation(300)
    features = dataclasses.replace(made["features"], table=made["features"].table.iloc[mixed])
    again = personas_of(
        made, features=features, labels=made["labels"].sample(frac=1, random_state=2),
        category_sales=made["sales"].sample(frac=1, random_state=3),
    )  # fmt: skip
    for one, other in zip(personas, again, strict=True):
        assert [c.id for c in one.claims()] == [c.id for c in other.claims()]
        for a, b in zip(one.claims(), other.claims(), strict=True):
            assert a.value == b.value or a.value == pytest.approx(b.value)


def test_rfm_segments_have_their_names_and_actions(made) -> None:
    labels = made["labels"].map({"alpha": "champions", "beta": "at_risk", "gamma": "dormant"})
    personas = personas_of(made, labels=labels)
    assert [p.segment for p in personas] == ["champions", "at_risk", "dormant"]  # the order of the rules
    assert {p.system for p in personas} == {"rules"} and personas[0].title == "Champions"
    assert "advice_segment" in by_key(personas[0])


def test_found_groups_keep_the_order_of_their_names(made) -> None:
    labels = pd.Series(
        pd.Categorical(made["labels"].map({"alpha": "B", "beta": "A", "gamma": "C"}), ["A", "B", "C"], ordered=True),
        index=made["labels"].index,
    )
    personas = personas_of(made, labels=labels, frame=PersonaFrame(titles={"A": {"en": "Savers", "uk": "Ощадні"}}))
    assert [(p.segment, p.place) for p in personas] == [("A", 0), ("B", 1), ("C", 2)]
    assert {p.system for p in personas} == {"found"}
    assert "Ощадні" in render_claim(personas[0].slots["size"][0], language="uk")


def test_holds_since_is_the_unbroken_row() -> None:
    def month(m: int, **sizes: int) -> tuple[dt.date, pd.Series]:
        names = [name for name, n in sizes.items() for _ in range(n)]
        return dt.date(2025, m, 28), pd.Series(names)

    found = holds_since(dict([month(1, a=12, b=12), month(2, a=12, b=9), month(3, a=12, b=12)]))
    assert found == {"a": dt.date(2025, 1, 28), "b": dt.date(2025, 3, 28)}
    assert holds_since(dict([month(1, a=12)])) == {"a": None} and holds_since({}) == {}


def test_since_and_review(made) -> None:
    persona = build_persona("alpha", sources_of(made), TERMS, PersonaFrame(since={"alpha": dt.date(2025, 3, 31)}))
    notes = by_key(persona)
    assert render_claim(notes["holds"], language="en") == "Holds at least since March 2025"
    assert notes["review"].value == "2026-01-31" and notes["review"].rests_on == (notes["size"].id,)


@pytest.mark.parametrize(
    ("change", "error", "words_of_it"),
    [({"labels": pd.Series(["a", "b"], index=["x", "x"])}, DataError, "two labels"),
     ({"labels": pd.Series(["a", "b"], index=["x", "y"])}, EmptyTableError, "Do the ids agree"),
     ({"category_sales": pd.DataFrame({"customer_id": [], "categry": []})}, ColumnError, "'category' not found"),
     ({"demographics": pd.DataFrame({"customer_id": ["1", "1"], "sex": "f"})}, DataError, "repeat a customer_id"),
     ({"answers": pd.DataFrame({"id": ["1"]})}, ColumnError, "'customer_id' not found")],
)  # fmt: skip
def test_bad_input_says_what_to_do(made, change, error, words_of_it) -> None:
    with pytest.raises(error, match=words_of_it):
        personas_of(made, **change)


def test_a_segment_that_is_not_there_is_named(made) -> None:
    with pytest.raises(DataError, match=r"nobody is in segment 'alfa'\. Did you mean 'alpha'"):
        build_persona("alfa", sources_of(made), TERMS)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "{n:count}", "\u202egnp.exe", "=cmd|' /C calc'!A0", "x" * 10_000, "a\nb\x00c"]
)
def test_hostile_text_stays_text(made, text) -> None:
    sales = made["sales"].replace({"category": {"Fish": text}})
    labels = made["labels"].replace("alpha", text)
    table = made["features"].table.assign(channel=np.where(np.arange(300) % 2, text, "Friends"))
    features, frame = features_of(table, ("age", "channel")), PersonaFrame(text, caveats=[text])
    personas = personas_of(made, frame=frame, features=features, labels=labels, category_sales=sales)
    for persona in personas:
        assert persona.key.isascii() and len(persona.key) <= 40
        for claim in persona.claims():
            rendered = render_claim(claim, language="uk")
            assert claim.id.startswith("caveat") or len(rendered) < 12_000
            assert rendered and (text == "{n:count}" or text not in claim.template)
    assert {c.values["raw"] for p in personas for c in p.slots["categories"]} & set(CATEGORIES)


def test_contradictory_numbers_do_not_break(made) -> None:
    table = made["features"].table.copy()
    table["revenue_total"] = -table["revenue_total"]
    table["weekend_share"] = 1.0
    personas = personas_of(made, features=features_of(table, ("age", "channel")))
    assert all("share_revenue" not in p.slots["size"][0].values for p in personas)
