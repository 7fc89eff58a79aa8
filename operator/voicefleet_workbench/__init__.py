"""Tools for people who change VoiceFleet: figures about the code, benchmarks, generators.

Development only: the wheel and the operator image leave this package out, and nothing in
`voicefleet` imports it. Each tool is a `make` target.
"""
