"""One environment, two bodies, and the episodes it leaves behind."""
