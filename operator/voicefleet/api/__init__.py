"""The API: what a user may write, what the operator reports, and the CRD made from both."""
