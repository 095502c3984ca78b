"""The yardstick: hashtags for a photo as they were served in 2018, written by us in that style, for benchmarks only.

networks   dense fp32 networks for PyTorch eager, from the published weights with their factors multiplied out
model      a photo, decoded in full by Pillow, to its first five visible tags, one photo at a time
app        a Flask application around it, for gunicorn with one sync worker

What it does not do, so that nobody can call it inflated: HashNet does not hold its two trunks a second time, though an
application of 2018 loaded each model by itself; the networks compute by today's PyTorch, not by that of 2018; and there
are no tags that are only written with those seen.
"""
