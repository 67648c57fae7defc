"""What `cors` is made of: origins, paths, and the fields that a verdict writes.

Knows the words of the Fetch standard. Must never know a flow: when any of it is asked for is the
middleware's to say.
"""
