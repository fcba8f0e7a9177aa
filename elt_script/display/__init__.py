"""What a user sees: events while a run is at work, and texts about what was planned and done."""
