"""Clustering layer of deep embedded clustering (Xie, Girshick and Farhadi, ICML 2016, section 3.1)."""

import torch
from torch import Tensor, nn


class Centroids(nn.Module):
    """(..., width) -> (..., clusters): logarithms of the Student t kernel.

    Their softmax is the soft assignment q (eq. 1 with one degree of freedom): log q = -log(1 + ||z - mu||^2), up to the
    row's sum.
    """

    def __init__(self, width: int, latent: int, clusters: int) -> None:
        super().__init__()
        self.points = nn.Linear(width, latent)
        self.centroids = nn.Parameter(torch.randn(clusters, latent))

    def forward(self, x: Tensor) -> Tensor:
        z = self.points(x)  # (..., latent)
        squares = z.square().sum(dim=-1, keepdim=True) + self.centroids.square().sum(dim=-1)
        distances = (squares - 2 * z @ self.centroids.T).clamp(min=0)  # (..., clusters)
        return -torch.log1p(distances)
