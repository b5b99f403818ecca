"""Running, as values: kernel messages to outputs, the queue, what a terminal shows."""
