"""The topics that have a page of their own in the monthly report, in the order of reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from custaudience.evidence import template as _
from custaudience.present import (
    plot_before,
    plot_bridge,
    plot_bridge_history,
    plot_concentration,
    plot_contact_lists,
    plot_cut_offs,
    plot_drivers,
    plot_group_count,
    plot_pairs,
    plot_profiles,
    plot_repeat_frequency,
    plot_response,
    plot_second_order,
    plot_tracking,
    plot_traits,
)
from custaudience.reports.topic_pages import Figure, Section, Topic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from custaudience.reports.pages import Source


def _tracking(table: pd.DataFrame, source: Source) -> Axes | None:
    errors = source.table("value_errors")
    model = "" if errors is None or errors.empty else str(errors["model"].iloc[0])
    return plot_tracking(table, model=model, language=source.language)


def _pairs(table: pd.DataFrame, source: Source) -> Axes | None:
    kinds = table[table["level"] == "kind"] if (table["level"] == "kind").any() else table
    strong = kinds[kinds["strong"].fillna(False).astype(bool)]
    return plot_pairs(strong if len(strong) else kinds, language=source.language)


def _campaigns(table: pd.DataFrame, source: Source) -> Axes | None:
    judged = table[table["response_rate"].notna()].sort_values("response_rate", ascending=False, kind="stable")
    if judged.empty:
        return None
    judged = judged.rename(columns={"n_contacted": "n"}).assign(attribute="campaign", value=judged["campaign_id"])
    rate = source.ledger.get("campaign_response.rate")
    overall = float(rate.value) if rate and rate.value is not None else None
    least = source.info.min_group_size
    return plot_response(judged, overall=overall, min_group_size=least, language=source.language)


def _response(table: pd.DataFrame, source: Source) -> Axes | None:
    own = table[table["attribute"].isin(["segment", "spend_before_the_campaigns"])]
    shown = own if len(own) else table.head(20)
    return plot_response(shown, min_group_size=source.info.min_group_size, language=source.language)


def _before(table: pd.DataFrame, source: Source) -> Axes | None:
    finding = source.ledger.get("campaign_response.finding")
    if finding is None or "days" not in finding.values:
        return None
    return plot_before(
        table,
        n_days=int(finding.values["days"]),
        currency=source.info.currency,
        min_group_size=source.info.min_group_size,
        language=source.language,
    )


def _profiles(table: pd.DataFrame, source: Source) -> Axes | None:
    groups = source.table("groups")
    named = pd.DataFrame() if groups is None else groups.dropna(subset=["about"])
    names = {str(row["group"]): f"{row['group']} · {row['about']}" for row in named.to_dict("records")}
    return plot_profiles(table, names=names, currency=source.info.currency, language=source.language)


CHANGE = Topic(
    stem="what_changed",
    slug="what_changed",
    notebook="50_what_changed.ipynb",
    name=_("What changed"),
    lead=("because", "finding"),
    sections=(
        Section(
            _("What led from the one month to the other"),
            ("days", "newcomers"),
            _(
                "From the top bar down each part begins where the one before it ended; together they make the change,"
                " to the cent. Read those who came and those who stayed away together: where customers order every "
                "few weeks, both are large in every month."
            ),
            Figure("revenue_bridge", lambda t, s: plot_bridge(t, currency=s.info.currency, language=s.language)),
        ),
        Section(
            _("Which part is within the usual"),
            ("part.*",),
            _(
                "Each ring is an earlier pair of months, the diamond is this one. A diamond among its rings is the "
                "usual coming and going, however large its money."
            ),
            Figure("revenue_bridge_history", lambda t, s: plot_bridge_history(t, language=s.language)),
        ),
        Section(_("In which segments"), ("segments", "segment.*")),
        Section(_("Against the same month last year"), ("last_year",)),
    ),
)

CONTACTS = Topic(
    stem="whom_to_write_to",
    slug="whom_to_write_to",
    notebook="37_whom_to_write_to.ipynb",
    acts=True,
    name=_("Whom to write to"),
    intro=_("Numbers only: custaudience lists writes the customers themselves to a private folder."),
    sections=(
        Section(
            _("Who gives a reason to be written to"),
            ("overdue", "missing", "missing_value", "regular"),
            _(
                "Bold is the whole list. The dotted part is held out at random, so that next month shows what the "
                "letters added; the striped part, where the study knows it, has not agreed to be written to."
            ),
            Figure(
                "contact_lists",
                lambda t, s: plot_contact_lists(t, min_group_size=s.info.min_group_size, language=s.language),
            ),
        ),
        Section(_("Who agreed, and who is on several lists"), ("consent", "overlap")),
        Section(_("What they do without a letter"), ("before.*", "value.*")),
        Section(_("How many must be held out"), ("power",)),
    ),
)

VALUE = Topic(
    stem="customer_value",
    slug="customer_value",
    notebook="32_customer_value.ipynb",
    name=_("What a customer is worth"),
    sections=(
        Section(
            _("Who brings how much"),
            ("concentration", "concentration.*", "average"),
            _("Each bar holds the ones above it; the thin line says how far the share depends on who was a customer."),
            Figure(
                "value_concentration",
                lambda t, s: plot_concentration(t, min_group_size=s.info.min_group_size, language=s.language),
            ),
        ),
        Section(_("What the short formulas say, and what they are not"), ("simple_formula", "margin_formula")),
        Section(
            _("How often they come back"),
            ("repeat", "model", "parameters.*", "rounding"),
            _(
                "The marks are what each model makes of the whole; where they follow the bars, it has caught the "
                "difference."
            ),
            Figure(
                "value_frequency",
                lambda t, s: plot_repeat_frequency(t, min_group_size=s.info.min_group_size, language=s.language),
            ),
        ),
        Section(_("How much they spend"), ("spend", "zero_spend", "independence")),
        Section(
            _("Does the prediction hold?"),
            ("holdout", "pace"),
            _(
                "The model has seen nothing after the dotted line; what it expected beyond it stands against what "
                "happened."
            ),
            Figure("value_tracking", _tracking),
        ),
        Section(
            _("What they will bring"),
            ("alive", "alive_once", "expected", "worth", "worth_typical", "reach", "worth_group.*"),
        ),
        Section(_("What cannot be said"), ("refused.*",)),
    ),
)

DRIVERS = Topic(
    stem="what_drives_behaviour",
    slug="what_drives_behaviour",
    notebook="33_what_drives_behaviour.ipynb",
    name=_("What drives behaviour"),
    sections=(
        Section(
            _("Which differences go with what people do later"),
            ("worthwhile", "begin_with", "within", "reversed.*"),
            _(
                "A filled dot passed all tests. An empty dot goes with the outcome only because it goes with a "
                "stronger one; an empty diamond shows no more than chance; a cross says that too few are known to tell."
            ),
            Figure("drivers", lambda t, s: plot_drivers(t, language=s.language), titled=True),
        ),
        Section(_("What that means in plain units"), ("driver.*",)),
        Section(
            _("Attributes that audiences are often defined by"), ("purchases.*", "rejected.*", "rejected_behaviour")
        ),
        Section(_("Of whom anything is known beside their orders"), ("coverage", "known.*")),
        Section(
            _("Which first order leads to a second"),
            (
                "second.overall",
                "second.refused",
                "second_most.*",
                "second_least.*",
                "second.tested",
                "second_stand_in.*",
                "second.nothing_known",
            ),
            _(
                "A triangle is a group that differs from all other customers by more than chance: a difference of the "
                "people, not an effect of the first order."
            ),
            Figure(
                "second_order",
                lambda t, s: plot_second_order(t, min_group_size=s.info.min_group_size, language=s.language),
            ),
        ),
        Section(_("What was left out on purpose"), ("left_out.*", "left_out_others")),
    ),
)

GROUPS = Topic(
    stem="groups",
    slug="segments",
    notebook="34_segments.ipynb",
    name=_("Groups found in the data"),
    lead=("finding", "instead"),
    sections=(
        Section(
            _("How many groups there are"),
            ("again", "placed"),
            _("The answer is the largest number with three ticks; without one there are no groups."),
            Figure("group_count", lambda t, s: plot_group_count(t, language=s.language)),
        ),
        Section(
            _("Who they are, against all others"),
            ("group.*", "apart.*", "besides.*", "people.*"),
            _("An arrow up is more than all other customers, down is less; beside it the group's own figure."),
            Figure("group_profiles", _profiles),
        ),
        Section(_("The largest customers"), ("whales",)),
        Section(_("How sure that is, and how to tell them"), ("stability", "rules", "rule.*")),
        Section(_("What was looked at, and what not"), ("variables", "rejected")),
    ),
)

CROSS_SELL = Topic(
    stem="cross_sell",
    slug="cross_sell",
    notebook="35_cross_sell.ipynb",
    acts=True,
    name=_("What goes together"),
    sections=(
        Section(_("Who bought one thing and nothing of what goes with it"), ("goes_with", "not_judged", "remind")),
        Section(
            _("What is bought together more often than by chance"),
            ("pairs", "strongest", "product_strongest"),
            _("A dot at 10: ten times as often in one basket as unrelated things of the same popularity would be."),
            Figure("product_pairs", _pairs),
        ),
        Section(_("Often together, and yet no pair"), ("trap",)),
        Section(_("Who buys at a steady pace"), ("regular", "regular_most")),
    ),
)

IDEAL = Topic(
    stem="ideal_customer",
    slug="ideal_customer",
    notebook="40_ideal_customer.ipynb",
    name=_("Ideal customer"),
    lead=("finding", "advice"),
    intro=_("Numbers only: custaudience lists writes the customers themselves to a private folder."),
    sections=(
        Section(
            _("Who counts as ideal"),
            ("asked.loyal", "asked.valuable", "asked.current", "asked.satisfied", "asked.engaged"),
        ),
        Section(_("What is not known"), ("missing.*", "not_known.*")),
        Section(
            _("What a cut-off more or less would change"),
            ("sensitivity", "without.*"),
            _(
                "Each bar moves one cut-off and leaves the others. Dark: ideal as set, and still; striped: others who "
                "would be. A bar that ends at the dotted line says that nothing depends on where that cut-off stands."
            ),
            Figure(
                "ideal_cut_offs",
                lambda t, s: plot_cut_offs(t, min_group_size=s.info.min_group_size, language=s.language),
            ),
        ),
        Section(_("What they did since"), ("later", "still")),
        Section(
            _("What sets them apart from the rest"),
            ("traits", "trait.*", "unclear.*", "not_because"),
            _(
                "A dot to the right of the dotted line: more frequent, or more, among ideal customers. Where the line "
                "through a dot crosses it, or the dot is an empty diamond, chance explains as much."
            ),
            Figure("ideal_traits", lambda t, s: plot_traits(t, currency=s.info.currency, language=s.language)),
        ),
        Section(_("Of whom that is said"), ("known", "compared_not")),
        Section(_("By which rule they can be told"), ("rule.everybody", "rule.asked", "rule.early")),
        Section(
            _("An audience as somebody wrote it, held against the customers"),
            (
                *("definition.says", "definition.only_sex_age_income", "definition.demographic_only"),
                *("definition.covers", "definition.known", "definition.revenue", "definition.orders"),
                *("definition.per_order", "definition.category", "definition.sharpen", "definition.add"),
                "definition.*",
            ),
        ),
    ),
)

RESPONSE = Topic(
    stem="campaign_response",
    slug="campaign_response",
    notebook="36_campaign_response.ipynb",
    name=_("Who answers campaigns"),
    sections=(
        Section(
            _("Does answering mean that the campaign worked?"),
            ("naive", "targeting", "no_hold_out"),
            _(
                "Hollow dots: before the campaign was sent. Where they stand apart already, the groups are different "
                "people."
            ),
            Figure("response_before", _before),
        ),
        Section(
            _("Which campaigns can be judged"),
            ("judged", "left_out.*", "rate", "most"),
            _("Each campaign was sent to other people, so a filled dot does not make it the better one."),
            Figure("campaigns", _campaigns),
        ),
        Section(
            _("Who answers"),
            ("groups", "segment.*", "spend", "trait", "coverage"),
            _("Each group is compared with all others who were sent the same campaigns; a filled dot differs clearly."),
            Figure("response_groups", _response),
        ),
        Section(_("How many must be held out"), ("hold_out",)),
    ),
)

PERSONAS = Topic(
    stem="personas/index",
    slug="personas",
    notebook="42_personas.ipynb",
    name=_("Personas"),
    sections=(Section(_("What is known of them"), ("blanks", "changes")),),
)
"""Printed where there are no personas; else `persona_pages` puts them side by side."""

TOPICS: tuple[Topic, ...] = (CHANGE, CONTACTS, VALUE, DRIVERS, GROUPS, IDEAL, CROSS_SELL, RESPONSE)
