"""k-NN probes of a network's layers, and the prediction depths that they give (Baldock 2021)."""

from workers.probes.probing import probe

__all__ = ["probe"]
