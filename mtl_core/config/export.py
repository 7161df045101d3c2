"""`export`: conversion of the trained network to the served graph."""

from mtl_core.frozen import Frozen


class Export(Frozen):
    """Options of the exported graph."""

    int8: bool = False
    """Quantise weights to 8 bits: a smaller and faster graph, whose predictions differ from the network's by rounding.
    `gates.parity` must then be declared, as the maximum difference.
    """
