from .definition.check import DefinitionCheck, Finding, check_definition
from .definition.numbers import Hierarchy, check_hierarchy
from .definition.rules import Definition, Rule, parse_definition
from .ideal.customers import IdealCustomers, ideal_customers
from .ideal.facts import CutOffs
from .ideal.rule import IdealRule, ideal_rules
from .ideal.traits import DistinctiveTraits, distinctive_traits
from .personas.build import PersonaFrame, build_persona, build_personas
from .personas.ground import PersonaSources
from .personas.months import holds_since
from .personas.persona import AVATAR_BLOCKS, BUYING_ROLES, PROFILE_KINDS, Persona, personas_from_json, personas_to_json
from .profiles.checks import MessageCheck, check_message, krippendorff_alpha, team_agreement
from .profiles.claims import profile_persona
from .profiles.trace import Profile, Trace, load_profile, parse_profile, trace_claims

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
