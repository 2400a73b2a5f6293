"""Behavioural tests as data, and what a model makes of them."""
