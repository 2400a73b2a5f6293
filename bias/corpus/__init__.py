"""Scoring whole corpora: inputs cut into shards, each read, scored and written as one unit that a kill cannot tear."""
