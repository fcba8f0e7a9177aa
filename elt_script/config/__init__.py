"""The configuration: what users write, checked in full before anything is contacted."""
