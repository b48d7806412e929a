"""How much is admitted: a burst, and a rate."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """So many requests at once, and so many a second in the long run."""

    burst: int
    rate: float

    def __str__(self) -> str:
        return f"{self.rate:g}/s {self.burst}"

    @property
    def gap(self) -> float:
        return 1 / self.rate

    @property
    def memory(self) -> float:
        """Seconds after which a key that nobody asks for is as good as new."""
        return self.burst * self.gap

    def first(self, now: float) -> float:
        """`open_at` of a key after its first admission."""
        return now - (self.burst - 2) * self.gap
