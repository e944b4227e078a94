"""`heliograph bench`: runs a load generator, the product and a receiver on this machine, measured in turn with the floor."""

from heliograph.bench.command import register

__all__ = ["register"]
