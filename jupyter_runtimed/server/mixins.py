"""Extends configured Jupyter Server objects in place, instead of replacing them.

At start, Jupyter Server shares one configured object of each kind (contents, sessions, kernels)
with all handlers and extensions. This module puts a mixin in front of the object's class. The
object, its configuration and all references to it stay the same, and the configured class still
does its work through `super()`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def extended(cls: type, mixin: type) -> type:
    """Return a subclass of `mixin` and `cls`, with the name of `cls`; `cls` if already extended."""
    if issubclass(cls, mixin):
        return cls
    make: Callable[..., type] = type(cls)
    about = {"__module__": cls.__module__, "__doc__": cls.__doc__}
    return make(cls.__name__, (mixin, cls), about)


def extend(instance: object, mixin: type) -> None:
    instance.__class__ = extended(type(instance), mixin)


async def settled(result: Any) -> Any:
    """Await the result of a manager's method until it is a plain value.

    Jupyter Server allows plain methods as well as coroutines, so every call of a configured manager
    goes through this function. A manager that delegates to another manager may return a coroutine
    of a coroutine.
    """
    while inspect.isawaitable(result):
        result = await result
    return result
