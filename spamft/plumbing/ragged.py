"""Many short lists of numbers in one array, read like a list of lists.

A Python list of a dozen token ids takes 550 bytes, here it takes 56.
"""

from array import array
from collections.abc import Iterable, Sequence

__all__ = ["Ragged"]


class Ragged(Sequence[list[int]]):
    """A sequence of lists of numbers that 32 bits can hold; `append` adds one."""

    def __init__(self, lists: Iterable[Iterable[int]] = ()):
        self.numbers, self.ends = array("i"), array("q", [0])
        for each in lists:
            self.append(each)

    def append(self, numbers: Iterable[int]) -> None:
        """Add one list at the end."""
        self.numbers.extend(numbers)
        self.ends.append(len(self.numbers))

    def array(self, place: int) -> array:
        """The numbers of one list, as an array."""
        return self.numbers[self.ends[place] : self.ends[place + 1]]

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, place: int) -> list[int]:
        place = range(len(self))[place]  # which raises IndexError, and counts from -1
        return self.array(place).tolist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    @property
    def lengths(self) -> list[int]:
        """How many numbers each list has."""
        pairs = zip(self.ends[:-1], self.ends[1:], strict=True)
        return [end - start for start, end in pairs]
