"""Decisions: pure functions from what was observed to what should be, one file each.

May import: model, api, manifests, units. Called by `planning` only (and by tests).
"""
