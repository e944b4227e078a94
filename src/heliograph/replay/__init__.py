"""Replays a flow: dry run, choice, sending at a bounded rate (guide: Replaying a Flow; Y1)."""
