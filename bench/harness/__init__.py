"""What the benches share: notebooks, servers, systems under measurement, scenarios, tables."""
