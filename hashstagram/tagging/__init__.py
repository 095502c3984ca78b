"""Tagging from the command line: photos and folders in; text, rows or XMP sidecars out.

command_line    the commands
options         their options
tag, run        a run over photos, several computed at a time
folders, order  which photos, and what is asked of each
output          what is printed
rows, tables    JSON lines and CSV, and a file of them that a later run goes on with
xmp, sidecars   keywords put among what others wrote; nothing here opens a file
sidecar_files   sidecars in their places
embedded        keywords in the photo itself
doctor          what is installed, and what is wrong
"""
