"""What people and the chart's hooks run beside the operator: plan, release, version.

Each module is imported only by the command it holds, so that `voicefleet version` answers
without loading a Kubernetes client.
"""
