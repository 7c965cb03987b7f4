"""Where each customer stands: own rhythm, overdue, potential, primary, lost."""
