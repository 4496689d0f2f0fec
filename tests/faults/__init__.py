"""Faults put into a whole installation on real servers, and the proof of what was left behind: scripts/faults."""
