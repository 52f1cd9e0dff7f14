"""What the editors need of us: the one client of the engine, and how each gets its plugin."""
