"""Benchmarks, each printing one JSON object."""
