"""How a trained network becomes the graph that is served."""

from mtl_core.frozen import Frozen

__all__ = ["Export"]


class Export(Frozen):
    """How a trained network becomes the graph that is served."""

    int8: bool = False
    """Weights in 8 bits: a smaller and faster graph that differs from the network by what rounding costs. It must pass
    every gate as it is served; how far it may differ, `gates.parity` then has to say.
    """
