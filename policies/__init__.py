"""What learns from episodes, and what it knows about its own failures."""
