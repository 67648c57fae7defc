"""What `request_id` is made of: ids, trace contexts, and who is told of them.

Must never know a flow: when any of it is asked for is the middleware's to say.
"""
