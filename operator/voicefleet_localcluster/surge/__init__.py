"""`make demo`: one hiring surge, lived through by a VoiceFleet and by the cluster's own HPA.

Two namespaces get the same callers. In one the operator scales an applied VoiceFleet, in the
other the controller manager's real HorizontalPodAutoscaler scales a Deployment. In the middle
of the rush the metrics go away for a while. The verdict counts callers.
"""
