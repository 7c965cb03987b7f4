"""Whom to target: personas with their evidence, profiles typed by a person, and what a message covers."""

from custaudience.audience.definition.check import DefinitionCheck, Finding, check_definition
from custaudience.audience.definition.numbers import Hierarchy, check_hierarchy
from custaudience.audience.definition.rules import Definition, Rule, parse_definition
from custaudience.audience.ideal.customers import IdealCustomers, ideal_customers
from custaudience.audience.ideal.facts import CutOffs
from custaudience.audience.ideal.rule import IdealRule, ideal_rules
from custaudience.audience.ideal.traits import DistinctiveTraits, distinctive_traits
from custaudience.audience.personas.build import PersonaFrame, build_persona, build_personas
from custaudience.audience.personas.ground import PersonaSources
from custaudience.audience.personas.months import holds_since
from custaudience.audience.personas.persona import (
    AVATAR_BLOCKS,
    BUYING_ROLES,
    PROFILE_KINDS,
    Persona,
    personas_from_json,
    personas_to_json,
)
from custaudience.audience.profiles.agreement import krippendorff_alpha, team_agreement
from custaudience.audience.profiles.claims import profile_persona
from custaudience.audience.profiles.messages import MessageCheck, check_message
from custaudience.audience.profiles.trace import Profile, Trace, load_profile, parse_profile, trace_claims

__all__ = [
    "AVATAR_BLOCKS",
    "BUYING_ROLES",
    "PROFILE_KINDS",
    "CutOffs",
    "Definition",
    "DefinitionCheck",
    "DistinctiveTraits",
    "Finding",
    "Hierarchy",
    "IdealCustomers",
    "IdealRule",
    "MessageCheck",
    "Persona",
    "PersonaFrame",
    "PersonaSources",
    "Profile",
    "Rule",
    "Trace",
    "build_persona",
    "build_personas",
    "check_definition",
    "check_hierarchy",
    "check_message",
    "distinctive_traits",
    "holds_since",
    "ideal_customers",
    "ideal_rules",
    "krippendorff_alpha",
    "load_profile",
    "parse_definition",
    "parse_profile",
    "personas_from_json",
    "personas_to_json",
    "profile_persona",
    "team_agreement",
    "trace_claims",
]
