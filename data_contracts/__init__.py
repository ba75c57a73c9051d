"""Data contracts: what a set must be before a stage may use it. The only package that imports Great Expectations."""
