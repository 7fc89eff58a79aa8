"""Kubernetes quantities and durations: reading them and saying them."""

from datetime import timedelta
from decimal import Decimal

QUANTITY_SUFFIXES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30),
    "Ti": Decimal(2**40), "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip
"""The suffixes of k8s.io/apimachinery's resource.Quantity."""


LONGEST_SUFFIX_FIRST = sorted(QUANTITY_SUFFIXES, key=len, reverse=True)
"""So that "Mi" is not read as "M" with an "i" left over."""

SECONDS_UP_TO = 120
"""Below two minutes, seconds say more than minutes: "90 s", not "1 min"."""
MINUTES_UP_TO = 7200
"""Below two hours, minutes say more than hours: "95 min", not "1 h 35 min"."""
HOURS_UP_TO = 48
"""Below two days, hours still matter."""


def parse_quantity(text: object) -> Decimal:
    """Return the number behind "500m", "1.5Gi", "2" or 2.

    Raises:
        ValueError: The text is no quantity.
    """
    mistake = f"{text!r} is no quantity; write a number such as 2, 500m or 1.5Gi"
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise ValueError(mistake)  # noqa: TRY004 - callers ask whether it is a quantity, no more
    written = str(text)
    suffix = next((end for end in LONGEST_SUFFIX_FIRST if written.endswith(end)), "")
    try:
        return Decimal(written.removesuffix(suffix)) * QUANTITY_SUFFIXES.get(suffix, Decimal(1))
    except ArithmeticError as error:
        raise ValueError(mistake) from error


def format_duration(duration: timedelta) -> str:
    """Say a duration as an SRE would: "45 s", "12 min", "3 h 5 min", "2 d"."""
    seconds = int(duration.total_seconds())
    if seconds < SECONDS_UP_TO:
        return f"{seconds} s"
    if seconds < MINUTES_UP_TO:
        return f"{seconds // 60} min"
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    if hours >= HOURS_UP_TO:
        return f"{hours // 24} d"
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
