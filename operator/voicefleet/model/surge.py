"""Announced demand, resolved to real times: what a SurgePlan or a booking means for one fleet.

Made by `core/surge_windows` from what users wrote, read by `core`'s size of the agents tier.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Surge:
    """One occurrence of one window, in UTC."""

    plan: str
    """Name of the SurgePlan; sentences name it together with the window."""
    window: str
    starts_at: datetime
    """When its demand begins; capacity has to be there by then, so it starts a lead time early."""
    ends_at: datetime
    peak_sessions: int = 0
    """Sessions at once that are expected; 0 where the window names replicas."""
    min_replicas: int = 0
    """Workers that must take calls; 0 where the window names sessions."""
    ramp_seconds: int = 0
    """Time from `starts_at` in which demand grows evenly to the peak."""
    glide_seconds: int = 0
    """Time from `ends_at` in which the floor sinks evenly to nothing."""
    inhibit_scale_down: bool = False
    """Whether no worker is taken away while it lasts, glide included."""
    priority: int = 0
    """While a window lasts, windows of the same plan with a lower one do not count. Between
    plans it means nothing: there the largest floor wins. Floors never add up."""
    is_booked: bool = False
    """Made of bookings, which the windows of their plan neither outrank nor are outranked by."""
