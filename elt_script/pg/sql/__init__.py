"""Every query of more than one line, each in a file of its own."""
