"""`python -m bias`: the command."""

from bias.cli import run

run()
