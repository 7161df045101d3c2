"""Clustering tasks: equations of deep embedded clustering, initialisation by k-means, labels and metrics."""

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from threadpoolctl import threadpool_info, threadpool_limits

from mtl_core.errors import DataError, TrainingError
from mtl_core.nn.centroids import Centroids
from mtl_core.tasks import AnyCodec
from mtl_core.tasks import clustering as module
from mtl_core.training.unsupervised import k_means
from tests.strategies import partitions, patient
from tests.tasks.declared import fit_codec, fit_objective, task

ROWS, LATENT = 40, 3


def declared(**options: Any) -> Any:
    return task("clustering", **{"target": "", "clusters": 4, **options})


PLAIN = fit_objective(declared(width=LATENT), pa.nulls(ROWS))
WITH_CLASSES = fit_objective(declared(target="y"), pa.array(["b", "a", None, "c"]))


def identity_layer(seed: int = 0) -> tuple[Centroids, torch.Tensor]:
    """A layer in float64 whose points are its inputs, and inputs."""
    torch.manual_seed(seed)
    layer = Centroids(LATENT, LATENT, 4).double()
    with torch.no_grad():
        layer.points.weight.copy_(torch.eye(LATENT))
        layer.points.bias.zero_()
        layer.centroids.mul_(2)
    return layer, 2 * torch.randn(ROWS, LATENT, dtype=torch.float64)


def reference(z: torch.Tensor, mu: torch.Tensor) -> tuple[Any, Any, Any]:
    """Equations 1 and 3 with one degree of freedom, as in the paper: 1 + ||z - mu||^2, q and p."""
    points, centroids = z.detach().numpy(), mu.detach().numpy()
    distances = np.array([[1 + np.square(point - centroid).sum() for centroid in centroids] for point in points])
    q = distances ** -((1 + 1) / 2)
    q /= q.sum(axis=1, keepdims=True)
    p = q**2 / q.sum(axis=0)
    return distances, q, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(3))
def test_soft_assignments_are_equation_1(seed: int) -> None:
    layer, x = identity_layer(seed)
    _, q, _ = reference(x, layer.centroids)
    np.testing.assert_allclose(PLAIN.inverse_link(layer(x)).detach().numpy(), q, rtol=1e-9)


def test_points_are_a_linear_layer_of_the_inputs() -> None:
    torch.manual_seed(1)
    layer, x = Centroids(5, LATENT, 4), torch.randn(2, 6, 5)
    logits = layer(x)
    assert logits.shape == (2, 6, 4)
    z = x @ layer.points.weight.T + layer.points.bias
    expected = -torch.log1p((z.unsqueeze(-2) - layer.centroids).square().sum(-1))
    torch.testing.assert_close(logits, expected)
    assert [name for name, _ in layer.named_parameters()] == ["centroids", "points.weight", "points.bias"]


def test_assignments_and_gradients_near_a_distant_centroid_are_finite() -> None:
    """Rounding of ||z||^2 + ||mu||^2 - 2 z mu to float32 gives numbers below 0."""
    layer = identity_layer()[0].float()
    with torch.no_grad():
        layer.centroids.mul_(1e4)
    nearest = torch.arange(400) % 4
    points = (layer.centroids.detach()[nearest] + 0.01 * torch.randn(400, LATENT)).requires_grad_()
    logits = layer(points)
    assert logits.isfinite().all()
    assert PLAIN.inverse_link(logits)[torch.arange(400), nearest].min() > 0.999
    (gradient,) = torch.autograd.grad(PLAIN.distillation(logits, torch.zeros(400, 4)).sum(), points)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("seed", range(3))
def test_targets_are_equation_3(seed: int) -> None:
    layer, x = identity_layer(seed)
    _, q, p = reference(x, layer.centroids)
    targets = PLAIN.target_logits(layer(x).detach(), None).softmax(dim=1).numpy()
    np.testing.assert_allclose(targets, p, rtol=1e-9)
    assert (targets.max(axis=1) > q.max(axis=1)).mean() > 0.9, "sharper"


def test_sharpening_depends_on_the_size_of_a_cluster() -> None:
    """With equal soft frequencies only the square remains; a large cluster must not absorb a small one."""
    q = np.array([[0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6]])
    targets = PLAIN.target_logits(torch.from_numpy(np.log(q)), None).softmax(dim=1).numpy()
    np.testing.assert_allclose(targets, q**2 / np.square(q).sum(axis=1, keepdims=True))
    large = np.array([[0.6, 0.4]] * 9 + [[0.4, 0.6]])
    targets = PLAIN.target_logits(torch.from_numpy(np.log(large)), None).softmax(dim=1).numpy()
    assert targets[0, 0] < 0.36 / (0.36 + 0.16)


def test_targets_of_uniform_and_certain_assignments_are_finite() -> None:
    logits = torch.tensor([[0.0, -80.0, -80.0], [0.0, 0.0, 0.0], [-200.0, 0.0, -1e4]])
    targets = PLAIN.target_logits(logits, None).softmax(dim=1)
    assert targets.isfinite().all()
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(3))


@given(order=st.permutations(range(4)))
@patient
def test_permuted_centroids_permute_assignments_and_targets(order: list[int]) -> None:
    layer, x = identity_layer()
    logits = layer(x).detach()
    with torch.no_grad():
        layer.centroids.copy_(layer.centroids[order].clone())
    permuted = layer(x).detach()
    torch.testing.assert_close(permuted, logits[:, order])
    torch.testing.assert_close(PLAIN.target_logits(permuted, None), PLAIN.target_logits(logits, None)[:, order])


@given(weights=st.lists(st.integers(0, 3), min_size=ROWS, max_size=ROWS).filter(any))
@patient
def test_a_weight_counts_like_that_many_rows_in_the_targets(weights: list[int]) -> None:
    layer, x = identity_layer()
    logits, counts = layer(x).detach(), torch.tensor(weights)
    weighted = PLAIN.target_logits(logits, counts.double())
    assert weighted.isfinite().all(), "also for rows of weight 0"
    repeated = PLAIN.target_logits(logits.repeat_interleave(counts, dim=0), None)
    torch.testing.assert_close(weighted.repeat_interleave(counts, dim=0), repeated)


@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_equations_4_and_5(seed: int) -> None:
    """Gradient of KL(P||Q) with constant P; the cross-entropy differs from it only by the entropy of P."""
    layer, x = identity_layer(seed)
    x.requires_grad_()
    targets = PLAIN.target_logits(layer(x).detach(), None)
    losses = PLAIN.distillation(layer(x), targets)
    distances, q, p = reference(x, layer.centroids)
    divergence = (p * np.log(p / q)).sum(axis=1)
    np.testing.assert_allclose((losses.detach().numpy() - divergence), -(p * np.log(p)).sum(axis=1), rtol=1e-9)
    point_gradients, centroid_gradients = torch.autograd.grad(losses.sum(), [x, layer.centroids])
    differences = x.detach().numpy()[:, None] - layer.centroids.detach().numpy()  # (rows, clusters, latent)
    expected = ((1 + 1) / 1 * (p - q) / distances)[..., None] * differences
    np.testing.assert_allclose(point_gradients.numpy(), expected.sum(axis=1), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(centroid_gradients.numpy(), -expected.sum(axis=0), rtol=1e-8, atol=1e-12)


@given(seed=st.integers(0, 100), scale=st.sampled_from([0.1, 1.0, 30.0]))
@patient
def test_distillation_is_minimal_where_student_and_teacher_agree(seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits, teacher = (scale * torch.randn(8, 4, generator=generator) for _ in range(2))
    minimum, losses = PLAIN.distillation(teacher, teacher), PLAIN.distillation(logits, teacher)
    assert minimum.shape == (8,)
    assert (minimum >= 0).all()
    assert (minimum <= losses + 1e-5).all()


CENTERS = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]])


def blobs(seed: int = 0, rows: int = 200) -> tuple[Any, torch.Tensor]:
    """Well separated groups of very different sizes."""
    random = np.random.default_rng(seed)
    group = random.choice(4, size=rows, p=[0.7, 0.2, 0.06, 0.04])
    group[:4] = range(4)
    return group, torch.from_numpy(CENTERS[group] + random.normal(size=(rows, 3)))


def initial_centroids(
    layer: Centroids, x: torch.Tensor, weights: torch.Tensor | None = None, seed: int = 0
) -> torch.Tensor:
    with torch.inference_mode():
        parameters = PLAIN.initial_parameters(layer, x, weights, partial(k_means, seed=seed))
    assert list(parameters) == ["centroids"]
    return parameters["centroids"]


@pytest.mark.parametrize("seed", range(3))
def test_initial_centroids_are_the_means_of_well_separated_groups(seed: int) -> None:
    layer, _ = identity_layer()
    group, x = blobs(seed)
    centroids = initial_centroids(layer, x, seed=seed)
    assert (centroids.shape, centroids.dtype) == ((4, 3), torch.float32)
    layer.load_state_dict({**layer.state_dict(), "centroids": centroids.double()})
    clusters = PLAIN.inverse_link(layer(x)).argmax(dim=1).numpy()
    assert normalized_mutual_info_score(group, clusters) == pytest.approx(1)
    means = np.array([x.numpy()[clusters == cluster].mean(axis=0) for cluster in range(4)])
    np.testing.assert_allclose(centroids.numpy(), means, rtol=1e-5, atol=1e-5)


def test_initial_centroids_are_means_of_points_not_of_inputs() -> None:
    layer, _ = identity_layer()
    _, x = blobs()
    before = initial_centroids(layer, x)
    with torch.no_grad():
        layer.points.bias.add_(5)
        layer.points.weight.mul_(2)
    torch.testing.assert_close(initial_centroids(layer, x), 2 * before + 5)


def test_initial_centroids_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of sums over threads varies, so that k-means uses one; the setting is restored."""
    layer, _ = identity_layer()
    x = torch.randn(3_000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    original, used, centroids = KMeans.fit, [], []

    def fit(means: KMeans, *points: Any, **options: Any) -> Any:
        used.append({pool["num_threads"] for pool in threadpool_info()})
        return original(means, *points, **options)

    monkeypatch.setattr(KMeans, "fit", fit)
    for threads in (2, 3):
        with threadpool_limits(threads):
            centroids.append(initial_centroids(layer, x))
            assert threads in {pool["num_threads"] for pool in threadpool_info()}
    assert used == [{1}, {1}]
    assert torch.equal(*centroids)
    assert not torch.equal(centroids[0], initial_centroids(layer, x, seed=1))


def test_rows_of_weight_0_do_not_move_centroids() -> None:
    layer, _ = identity_layer()
    _, x = blobs()
    with_outliers = torch.cat([x, torch.full((20, 3), 1e3, dtype=torch.float64)])
    weights = torch.cat([torch.ones(len(x)), torch.zeros(20)])
    assert initial_centroids(layer, with_outliers, weights).abs().max() < 12


def test_a_weight_counts_like_that_many_rows_in_the_initial_centroids() -> None:
    layer, _ = identity_layer()
    _, x = blobs()
    counts = torch.arange(len(x)) % 4
    weighted = initial_centroids(layer, x, counts.float())
    repeated = initial_centroids(layer, x.repeat_interleave(counts, dim=0))
    order = torch.tensor([1.0, 2, 3])
    torch.testing.assert_close(weighted[(weighted @ order).argsort()], repeated[(repeated @ order).argsort()])


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 1, 1, 1, 0])], ids=["all", "weightless"])
def test_fewer_points_than_clusters_are_refused(weights: torch.Tensor | None) -> None:
    layer, _ = identity_layer()
    x = torch.zeros(5, 3, dtype=torch.float64)
    x[:, 0] = torch.tensor([0.0, 1, 2, 2, 9 if weights is not None else 0])
    with pytest.raises(TrainingError, match=r"task 't': 4 clusters need as many different points .*found 3; lower"):
        initial_centroids(layer, x, weights)
    x[3, 0] = 3
    assert initial_centroids(layer, x, weights).isfinite().all()


LABELS = {
    "text": (pa.array(["b", "a", None, "", "c"]), [1, 0, -1, -1, 2]),
    "dictionary": (pa.array(["b", None, "a"]).dictionary_encode(), [1, -1, 0]),
    "classes that do not occur in training": (pa.array(["x", "a", "y"]), [3, 0, 3]),
}


@pytest.mark.parametrize(("values", "labels"), LABELS.values(), ids=LABELS)
def test_labels(values: pa.Array, labels: list[int]) -> None:
    encoded = WITH_CLASSES.codec.encode(values)
    assert (encoded.dtype, encoded.tolist()) == (np.int16, labels)
    as_tensor = torch.from_numpy(encoded)
    assert WITH_CLASSES.codec.labelled(as_tensor).tolist() == [label >= 0 for label in labels]
    assert WITH_CLASSES.trains_on(as_tensor).tolist() == [True] * len(labels)


def test_classes_may_be_numbers() -> None:
    codec = fit_codec(declared(target="y", clusters=2), pa.array([2.0, 1.0, None]))
    assert codec.classes == ("1", "2")
    assert codec.encode(pa.array([1, 2, None, 7])).tolist() == [0, 1, -1, 2]


def test_without_a_target_every_row_is_labelled() -> None:
    labels = PLAIN.codec.encode(pa.nulls(3))
    assert (labels.dtype, labels.tolist()) == (np.int16, [0, 0, 0])
    assert PLAIN.codec.labelled(torch.from_numpy(labels)).all()
    assert (PLAIN.codec.targets, WITH_CLASSES.codec.targets) == ((), ("y",))
    assert len(PLAIN.codec.encode(pa.nulls(0))) == 0


@given(data=st.data(), values=st.lists(st.sampled_from(["a", "b", "c", None]), min_size=2))
@patient
def test_parts_are_fitted_as_the_whole(data: st.DataObject, values: list[str | None]) -> None:
    column = pa.array([*values, "a", "b"], pa.string())
    parts = [column[cut] for cut in data.draw(partitions(len(column)))]
    for options in (declared(target="y"), declared(clusters=2)):
        assert fit_codec(options, *parts) == fit_codec(options, column)


REFUSED: list[tuple[Any, pa.Array, str]] = [
    (declared(), pa.nulls(3), "4 clusters need as many rows .*found 3; lower"),
    (declared(target="y"), pa.array(["a"] * 4), r"two classes or more, found \['a'\] in 'y'"),
    (declared(target="y"), pa.nulls(4), r"two classes or more, found \[\]"),
    (declared(target="y"), pa.array([1, 2, 3, 4]), "at most 3 classes, found more in 'y'"),
]


@pytest.mark.parametrize(("options", "values", "fragment"), REFUSED, ids=[fragment for *_, fragment in REFUSED])
def test_unsuitable_training_rows_are_refused(
    options: Any, values: pa.Array, fragment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_CLASSES", 3)
    assert fit_codec(declared(target="y"), pa.array([1, 2, 3, 3])).classes == ("1", "2", "3")
    with pytest.raises(DataError, match=f"task 't': .*{fragment}"):
        fit_codec(options, values)


def test_the_baseline_is_uniform() -> None:
    baseline = PLAIN.baseline(np.zeros(3, dtype=np.int16))
    assert (baseline.dtype, baseline.tolist()) == (np.float32, [0.25] * 4)


def test_the_default_metric_is_defined() -> None:
    assert [PLAIN.metric.name, WITH_CLASSES.metric.name] == ["silhouette", "nmi"]
    assert fit_objective(declared(target="y", metric="silhouette"), pa.array(list("abcd"))).metric.name == "silhouette"
    assert [metric.name for metric in PLAIN.metrics] == ["nmi", "silhouette"]
    with pytest.raises(KeyError):
        PLAIN.options.metric_named("auc")


def test_labels_do_not_train_the_task() -> None:
    losses = WITH_CLASSES.loss(torch.randn(3, 4), torch.tensor([0, 1, -1], dtype=torch.int16))
    assert losses.tolist() == [0, 0, 0]
    assert PLAIN.unsupervised
    assert [PLAIN.start_epoch, fit_objective(declared(warm_up=0), pa.nulls(4)).start_epoch] == [2, 1]


def test_to_logits_inverts_the_inverse_link() -> None:
    q = np.random.default_rng(0).dirichlet(np.ones(4), 9)
    logits = PLAIN.to_logits(q)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(PLAIN.inverse_link(torch.from_numpy(logits)), q, atol=1e-5)
    assert np.isfinite(PLAIN.to_logits(np.eye(4))).all()


def test_signature_and_json() -> None:
    assert TypeAdapter(AnyCodec).validate_json(WITH_CLASSES.codec.model_dump_json()) == WITH_CLASSES.codec
    assert (PLAIN.outputs, PLAIN.signature()) == (
        4,
        {"name": "t", "kind": "clustering", "form": "cluster_probabilities", "unit": "probability", "clusters": 4},
    )
