"""Loaded terms as data, with the reason and neutral alternatives of each, and a finder of them in text."""

from bias.lexicon.allowed import Allowed
from bias.lexicon.checking import Checked, Fault, check_files
from bias.lexicon.entries import Entry, read_entries
from bias.lexicon.matching import Hit, Lexicon, default_lexicon

__all__ = ["Allowed", "Checked", "Entry", "Fault", "Hit", "Lexicon", "check_files", "default_lexicon", "read_entries"]
