"""`heliograph seed`: an invented history of any size in an account of its own, for trials and benchmarks."""

from heliograph.seed.command import register

__all__ = ["register"]
