"""The Kubernetes API: credentials, one bounded session, caches fed by watches, and writes.

Plain dictionaries over aiohttp, because a typed client costs two to three times the CPU per
request and its models several times the memory of what they hold.
"""
