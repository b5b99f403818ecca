"""Kernels, as the host needs them: the ports, and the two links that come with the package."""

from __future__ import annotations

from .client_link import ClientLink
from .kernel_link import KernelLink
from .kernel_port import Kernels, Link

__all__ = ["ClientLink", "KernelLink", "Kernels", "Link"]
