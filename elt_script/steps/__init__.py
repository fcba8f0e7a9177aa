"""One verb each; only run.py knows their order."""
