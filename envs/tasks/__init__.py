"""The tasks: scene, factors, instruction steps, success."""
