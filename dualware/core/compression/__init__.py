"""What `compression` and `gzip` are made of: codings, and who gets which.

Knows bodies, the grammar of Accept-Encoding and the fields that speak of a coding. Must never know
a flow: when any of it is asked for is the middleware's to say.
"""
