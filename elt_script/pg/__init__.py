"""The edge: the only place that starts programs or opens connections."""
