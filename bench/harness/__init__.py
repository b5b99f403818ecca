"""Shared code of the benchmarks: notebooks, servers, measured systems, scenarios and tables."""
