"""What a bench finds: one figure beside its bar."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; less is better."""

    name: str
    value: float
    unit: str
    bar: float
    because: str
    """Where the bar comes from."""

    @property
    def is_met(self) -> bool:
        """Whether the value keeps to the bar."""
        return self.value <= self.bar
