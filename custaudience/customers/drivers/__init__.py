"""Which differences between people go with what they do later."""
