"""The quality of labels, and which ones are worth having next."""
