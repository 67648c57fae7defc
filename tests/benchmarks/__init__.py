"""Benchmarks: ratios of what runs side by side, in one run. ``make bench`` runs them all.

Must never be part of the tests, nor state an absolute time as a result: machines differ, ratios
of interleaved minima hardly do.
"""
