"""Users who were counted already, in bounded memory. Counterpart: `rules`, which count each user once."""

from array import array
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import blake2b

LIMIT = 50_000


class DistinctUsers:
    """A set of users that halves itself when it is full.

    Beyond the limit only users whose hash ends in a zero bit are looked at, then two zero bits, and so on. Which users
    those are depends on a hash that has nothing to do with buckets, so what is counted stays a fair sample, and nobody
    is counted twice. It costs speed, never validity.
    """

    __slots__ = ("_level", "_limit", "_users")

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._level = 0
        self._users: set[int] = set()

    def first(self, user: str) -> bool:
        """Whether to count this user now: the first time, and only if the user is in the sample."""
        number = int.from_bytes(blake2b(user.encode("utf-8", "surrogatepass"), digest_size=8).digest())
        if number in self._users or not self._sampled(number):
            return False
        self._users.add(number)
        if len(self._users) > self._limit:
            self._level += 1
            self._users = {one for one in self._users if self._sampled(one)}
        return True

    def _sampled(self, number: int) -> bool:
        return not number & ((1 << self._level) - 1)

    def __len__(self) -> int:
        return len(self._users)

    def dump(self) -> dict[str, object]:
        """Everything as JSON values: eleven characters a user."""
        return {"level": self._level, "users": b64encode(array("Q", sorted(self._users)).tobytes()).decode()}

    def load(self, state: Mapping[str, object]) -> None:
        """Take up what `dump` gave. Raises KeyError or ValueError for anything else."""
        users = array("Q")
        users.frombytes(b64decode(str(state["users"]), validate=True))
        self._users, self._level = set(users), int(str(state["level"]))
