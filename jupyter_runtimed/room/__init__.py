"""The room: one open notebook as a pure state machine from events to effects."""
