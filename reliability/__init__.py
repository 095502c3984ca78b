"""What HashStagram withstands, shown on the real program: killed processes, overload, mixed load, bad inputs.

Used by nothing else. README.md says what is shown and how.
"""
