"""Loaded terms as data, with the reason and neutral alternatives of each, and a finder of them in text."""

from bias.lexicon.allowed import Allowed
from bias.lexicon.entries import Entry, read_entries
from bias.lexicon.matching import Hit, Lexicon, default_lexicon

__all__ = ["Allowed", "Entry", "Hit", "Lexicon", "default_lexicon", "read_entries"]
