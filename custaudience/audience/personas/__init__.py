"""Personas from segments, with the evidence of each line."""
