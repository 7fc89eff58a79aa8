"""VoiceFleet: a Kubernetes operator for fleets of voice agents."""

__version__ = "0.1.0"
