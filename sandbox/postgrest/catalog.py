"""What the exposed schema holds, as plain values. Counterpart: `introspect`, which reads it from the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

JSON_TYPES = frozenset({"json", "jsonb"})
Returns = Literal["void", "scalar", "composite"]


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view: column name to type as SQL text, in table order, and the primary key."""

    name: str
    columns: Mapping[str, str]
    primary_key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Argument:
    """One input of a function; `type` is SQL text."""

    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A function: what it takes and what comes back."""

    name: str
    arguments: tuple[Argument, ...]
    returns: Returns
    is_set: bool
    volatile: bool
    # Columns of a composite result, empty where unknown.
    columns: Mapping[str, str] = field(default_factory=dict)

    def takes(self, given: frozenset[str]) -> bool:
        """Whether a call with exactly these names is complete and knows each of them."""
        known = {argument.name for argument in self.arguments}
        return given <= known and all(argument.name in given for argument in self.arguments if argument.required)

    @property
    def whole_body(self) -> bool:
        """Whether it takes the whole request body as one unnamed JSON value."""
        return len(self.arguments) == 1 and not self.arguments[0].name and self.arguments[0].type in JSON_TYPES


@dataclass(frozen=True, slots=True)
class Catalog:
    """One snapshot of the exposed schema."""

    schema: str = "public"
    tables: Mapping[str, Table] = field(default_factory=dict)
    functions: Mapping[str, tuple[Function, ...]] = field(default_factory=dict)

    def function(self, name: str, given: Iterable[str]) -> Function | None:
        """The function of that name which takes these argument names, the one with fewest arguments first."""
        names = frozenset(given)
        fitting = [function for function in self.functions.get(name, ()) if function.takes(names)]
        return min(fitting, key=lambda function: len(function.arguments), default=None)

    def whole_body_function(self, name: str) -> Function | None:
        """The function of that name which takes the body as it is."""
        return next((function for function in self.functions.get(name, ()) if function.whole_body), None)
