"""Clocks, rates and turns: simulated time in lockstep, latency, and what runs at a steady rate."""
