"""A simulated humanoid in a process of its own that answers at the other end of a real robot's cables."""
