"""The same work by elt and by others, measured alike, in one report: `python -m benchmarks --help`."""
