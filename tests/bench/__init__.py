"""Benchmarks: whole programs side by side in one run, on the same inputs. `make bench-…`; never timed tests."""
