"""Reviewing reports: verdicts on sentences, kept as they are given, and a local page to give them on."""
