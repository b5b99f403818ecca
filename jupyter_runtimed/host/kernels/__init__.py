"""The host's access to kernels: the ports, and the package's two kinds of link."""

from __future__ import annotations

from .client_link import ClientLink
from .port import Kernels, Link
from .zmq_link import KernelLink

__all__ = ["ClientLink", "KernelLink", "Kernels", "Link"]
