"""What customers are worth: short formulas, models of repeat purchases and spend, hold-outs."""
