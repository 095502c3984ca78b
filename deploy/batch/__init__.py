"""Hashtags for millions of photos: an Apache Beam pipeline from a folder or bucket to shards of JSON lines.

places      photos and shards in a folder or below a `gs://` address
order       what is asked of every photo, and the process's one model for it
shards      a shard of photos becomes rows; what an earlier run has is kept
pipeline    these as Beam's steps; the only module that imports Beam
trial       generates photos and compares a run with the command line
"""
