"""The kopf shell: watching VoiceFleets, logging in, probes, and the life of the process.

kopf writes nothing on our objects: no annotation, no finalizer, no Event. Together with
`__main__` the only package that imports it.
"""
