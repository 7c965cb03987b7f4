"""Profiles and messages typed by people: traced to a study, and compared with each other."""
