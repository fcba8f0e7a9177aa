"""Faults at random moments of real runs: `python -m tests.faults --seconds 3600 --seed 1`. See docs/testing.md."""
