"""Execution of cells without I/O: kernel messages, outputs, the queue, and terminal text."""
