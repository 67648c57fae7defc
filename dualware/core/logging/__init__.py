"""What `logging` is made of: the line, the levels, and where lines go.

Knows how the facts of an exchange are told. Must never know a flow: when any of it is asked for is
the middleware's to say.
"""
