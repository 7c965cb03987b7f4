"""Whom to write to and why: lists, hold-outs, and what the letters added."""
