"""The ideal customer: who is loyal, valuable, satisfied and engaged, what sets them apart, and how to tell them."""
