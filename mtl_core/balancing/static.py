"""Mean and sum of the losses: the baselines of all balancing.

Kurin, De Palma, Kostrikov, Whiteson and Kumar 2022, "In Defense of the Unitary Scalarization for Deep Multi-Task
Learning", NeurIPS; Xin, Ghorbani, Gilmer, Garg and Firat 2022, "Do Current Multi-Task Optimization Methods in Deep
Learning Even Help?", NeurIPS.
"""

from torch import Tensor

from mtl_core.balancing.scalarisation import ScalarisationBalancer


class StaticBalancer(ScalarisationBalancer):
    """The sum of the losses times a factor. For the mean it is 1 / tasks, so a task that takes no part counts as 0."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        return self.factor * losses.sum()
