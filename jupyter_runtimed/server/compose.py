"""Adding to what an administrator has configured, instead of replacing it.

Jupyter Server hands one configured object of each kind (contents, sessions, kernels) to everybody
at start. To take part in what it does, its class is extended in place: the object, its
configuration and every reference to it stay what they were, and whatever class was chosen keeps
doing its work under `super()`.
"""

from __future__ import annotations

from collections.abc import Callable


def extended(cls: type, mixin: type) -> type:
    """A class that does what `mixin` adds, then what `cls` does; `cls` if it does so already."""
    if issubclass(cls, mixin):
        return cls
    make: Callable[..., type] = type(cls)
    about = {"__module__": cls.__module__, "__doc__": cls.__doc__}
    return make(cls.__name__, (mixin, cls), about)


def extend(instance: object, mixin: type) -> None:
    instance.__class__ = extended(type(instance), mixin)
