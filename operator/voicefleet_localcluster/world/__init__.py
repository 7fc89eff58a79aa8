"""The world process: answers at the pods' addresses in place of what would run inside them.

kwok's pods run nothing, but each has an address of its own on loopback. One process listens at
all of them, on the ports that the pods declare: as a worker on 8081 and as a LiveKit server's
metrics on 6789. So the operator talks to pods exactly as it would on a real cluster, and a
test or the demo says through a control port how many calls there are.
"""
