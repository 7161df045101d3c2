"""CGC: task-specific and shared experts in one level of extraction.

Tang, Liu, Zhao and Gong 2020, "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for
Personalized Recommendations", RecSys, section "Customized Gate Control". See `ple`, of which it is one level.
"""

from mtl_core.trunks.ple import PLETrunk


class CGCTrunk(PLETrunk):
    """Single level of extraction: per task a gate over the experts of that task and the shared experts."""

    def __init__(
        self, width: int, tasks: int, *, experts: int, shared_experts: int, widths: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__(
            width, tasks, experts=experts, shared_experts=shared_experts, levels=1, widths=widths, dropout=dropout
        )
