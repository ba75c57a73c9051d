"""The seed model: a Qwen3 of about one million parameters that the project makes itself, in minutes, on a CPU."""
