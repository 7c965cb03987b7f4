"""Did campaigns answer: response by group, targeting told apart from effect."""
