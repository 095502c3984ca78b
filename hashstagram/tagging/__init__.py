"""Tagging from the command line: the arguments, and what is written for each photo."""
