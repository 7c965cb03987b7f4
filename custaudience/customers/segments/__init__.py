"""Which groups exist: their number, names, rules, profiles, and how sure they are."""
