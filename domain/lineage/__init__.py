"""Lineage: what is made of what, from view definitions and keys, and how to walk it."""
