"""Other people's benchmarks and formats: playing in them, and reading what they recorded."""
