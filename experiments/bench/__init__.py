"""Measurements of Retake beside its peers; each prints one JSON object."""

from experiments.bench.command import main

__all__ = ["main"]
