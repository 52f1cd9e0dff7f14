"""What the editors need of us: the one client by which their own Python drives the engine."""
