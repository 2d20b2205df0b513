"""Measurements of Retake beside its peers; each prints one JSON object."""
