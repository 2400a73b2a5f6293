"""Labelled sentences: read, checked, divided."""
