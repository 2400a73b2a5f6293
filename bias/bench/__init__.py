"""How fast the engine is, beside what else reads sentences on the same machine, each in a process of its own."""
