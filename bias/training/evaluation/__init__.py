"""Figures of a model with their intervals, of two against each other, and their pictures."""
