"""Benchmarks: each prints its hardware and versions, and measures its rivals in the same run."""
