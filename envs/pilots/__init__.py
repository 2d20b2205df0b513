"""Whoever gives commands: exoskeleton, scripted expert."""
