"""Frozen values of one cycle: what was seen, what was decided, what is to be done."""
