"""Clustering tasks: the equations of deep embedded clustering, its k-means start, its labels and metrics."""

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from threadpoolctl import threadpool_info, threadpool_limits

from mtl_core.arrow import column_type
from mtl_core.errors import DataError, TrainingError
from mtl_core.metrics.bootstrap import resampled
from mtl_core.nn.centroids import Centroids
from mtl_core.tasks import AnyCodec, AnyTask
from mtl_core.tasks import clustering as module
from mtl_core.tasks.clustering import ClusteringCodec, ClusteringObjective
from mtl_core.training.k_means import k_means
from tests.strategies import partitions, patient

ROWS, LATENT = 40, 3


def declared(**options: Any) -> Any:
    return TypeAdapter(AnyTask).validate_python({"kind": "clustering", "clusters": 4, **options})


def fit(task: Any, *parts: pa.Array) -> ClusteringCodec:
    fitter = task.fitter("t", column_type("y", parts[0].type))
    for part in parts:
        fitter.update(part)
    fitted: ClusteringCodec = fitter.finish()
    return fitted


def objective(task: Any, *parts: pa.Array) -> ClusteringObjective:
    found: ClusteringObjective = task.objective(fit(task, *parts))
    return found


PLAIN = objective(declared(width=LATENT), pa.nulls(ROWS))
WITH_CLASSES = objective(declared(target="y"), pa.array(["b", "a", None, "c"]))


def layer(seed: int = 0, spread: float = 2.0) -> tuple[Centroids, torch.Tensor]:
    """A layer in float64 whose points are its inputs, and inputs."""
    torch.manual_seed(seed)
    found = Centroids(LATENT, LATENT, 4).double()
    with torch.no_grad():
        found.points.weight.copy_(torch.eye(LATENT))
        found.points.bias.zero_()
        found.centroids.mul_(spread)
    return found, spread * torch.randn(ROWS, LATENT, dtype=torch.float64)


def kernel(z: Any, mu: Any) -> Any:
    """1 + ||z - mu||^2, pair by pair."""
    return np.array([[1 + np.square(row - centroid).sum() for centroid in mu] for row in z])


def by_hand(z: torch.Tensor, mu: torch.Tensor) -> tuple[Any, Any, Any]:
    """Equations 1 and 3 with one degree of freedom, as the paper writes them: the kernel, q and p."""
    distances = kernel(z.detach().numpy(), mu.detach().numpy())
    q = distances ** -((1 + 1) / 2)
    q /= q.sum(axis=1, keepdims=True)
    p = q**2 / q.sum(axis=0)
    return distances, q, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(3))
def test_soft_assignments_are_equation_1(seed: int) -> None:
    student, x = layer(seed)
    _, q, _ = by_hand(x, student.centroids)
    np.testing.assert_allclose(PLAIN.inverse_link(student(x)).detach().numpy(), q, rtol=1e-9)


def test_the_points_are_a_linear_layer_of_what_it_is_given() -> None:
    torch.manual_seed(1)
    student, x = Centroids(5, LATENT, 4), torch.randn(2, 6, 5)
    logits = student(x)
    assert logits.shape == (2, 6, 4)
    z = x @ student.points.weight.T + student.points.bias
    expected = -torch.log1p((z.unsqueeze(-2) - student.centroids).square().sum(-1))
    torch.testing.assert_close(logits, expected)
    assert [name for name, _ in student.named_parameters()] == ["centroids", "points.weight", "points.bias"]


def test_a_point_on_a_centroid_far_out_is_sure_and_finite() -> None:
    """Rounding to 32 bits takes ||z||^2 + ||mu||^2 - 2 z mu to something below 0."""
    student = layer()[0].float()
    with torch.no_grad():
        student.centroids.mul_(1e4)
    own = torch.arange(400) % 4
    around = (student.centroids.detach()[own] + 0.01 * torch.randn(400, LATENT)).requires_grad_()
    logits = student(around)
    assert logits.isfinite().all()
    assert PLAIN.inverse_link(logits)[torch.arange(400), own].min() > 0.999
    (gradient,) = torch.autograd.grad(PLAIN.distillation(logits, torch.zeros(400, 4)).sum(), around)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("seed", range(3))
def test_targets_are_equation_3(seed: int) -> None:
    student, x = layer(seed)
    _, q, p = by_hand(x, student.centroids)
    found = PLAIN.target_logits(student(x).detach(), None).softmax(dim=1).numpy()
    np.testing.assert_allclose(found, p, rtol=1e-9)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found.max(axis=1) > q.max(axis=1)).mean() > 0.9, "sharper"


def test_sharpening_is_even_where_the_clusters_are() -> None:
    """Equal soft frequencies leave nothing but the square, whose likeliest cluster is the same."""
    q = np.array([[0.6, 0.3, 0.1], [0.1, 0.6, 0.3], [0.3, 0.1, 0.6]])
    found = PLAIN.target_logits(torch.from_numpy(np.log(q)), None).softmax(dim=1).numpy()
    np.testing.assert_allclose(found, q**2 / np.square(q).sum(axis=1, keepdims=True))
    large = np.array([[0.6, 0.4]] * 9 + [[0.4, 0.6]])
    found = PLAIN.target_logits(torch.from_numpy(np.log(large)), None).softmax(dim=1).numpy()
    assert found[0, 0] < 0.36 / (0.36 + 0.16), "a large cluster must not drown a small one"


def test_targets_of_rows_that_say_nothing_or_everything_are_finite() -> None:
    logits = torch.tensor([[0.0, -80.0, -80.0], [0.0, 0.0, 0.0], [-200.0, 0.0, -1e4]])
    found = PLAIN.target_logits(logits, None).softmax(dim=1)
    assert found.isfinite().all()
    torch.testing.assert_close(found.sum(dim=1), torch.ones(3))


@given(order=st.permutations(range(4)))
@patient
def test_permuted_clusters_are_permuted_throughout(order: list[int]) -> None:
    student, x = layer()
    logits = student(x).detach()
    with torch.no_grad():
        student.centroids.copy_(student.centroids[order].clone())
    permuted = student(x).detach()
    torch.testing.assert_close(permuted, logits[:, order])
    torch.testing.assert_close(PLAIN.target_logits(permuted, None), PLAIN.target_logits(logits, None)[:, order])


@given(weights=st.lists(st.integers(0, 3), min_size=ROWS, max_size=ROWS).filter(any))
@patient
def test_a_weight_is_that_many_rows_in_the_targets(weights: list[int]) -> None:
    student, x = layer()
    logits, counts = student(x).detach(), torch.tensor(weights)
    weighted = PLAIN.target_logits(logits, counts.double())
    assert weighted.isfinite().all(), "also for the rows that weigh nothing"
    repeated = PLAIN.target_logits(logits.repeat_interleave(counts, dim=0), None)
    torch.testing.assert_close(weighted.repeat_interleave(counts, dim=0), repeated)


@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_equations_4_and_5(seed: int) -> None:
    """Gradient of KL(P||Q) with P held fixed; the cross-entropy differs from it by the entropy of P alone."""
    student, x = layer(seed)
    x.requires_grad_()
    targets = PLAIN.target_logits(student(x).detach(), None)
    losses = PLAIN.distillation(student(x), targets)
    distances, q, p = by_hand(x, student.centroids)
    divergence = (p * np.log(p / q)).sum(axis=1)
    np.testing.assert_allclose((losses.detach().numpy() - divergence), -(p * np.log(p)).sum(axis=1), rtol=1e-9)
    of_points, of_centroids = torch.autograd.grad(losses.sum(), [x, student.centroids])
    apart = x.detach().numpy()[:, None] - student.centroids.detach().numpy()  # (rows, clusters, latent)
    pulls = ((1 + 1) / 1 * (p - q) / distances)[..., None] * apart
    np.testing.assert_allclose(of_points.numpy(), pulls.sum(axis=1), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(of_centroids.numpy(), -pulls.sum(axis=0), rtol=1e-8, atol=1e-12)


@given(seed=st.integers(0, 100), scale=st.sampled_from([0.1, 1.0, 30.0]))
@patient
def test_distillation_is_above_nothing_and_least_where_the_two_agree(seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (scale * torch.randn(8, 4, generator=generator) for _ in range(2))
    agreed, apart = PLAIN.distillation(teacher, teacher), PLAIN.distillation(student, teacher)
    assert agreed.shape == (8,)
    assert (agreed >= 0).all()
    assert (agreed <= apart + 1e-5).all()


CENTRES = np.array([[0.0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]])


def blobs(seed: int = 0, rows: int = 200) -> tuple[Any, torch.Tensor]:
    """Groups far apart, of very different sizes."""
    random = np.random.default_rng(seed)
    group = random.choice(4, size=rows, p=[0.7, 0.2, 0.06, 0.04])
    group[:4] = range(4)
    return group, torch.from_numpy(CENTRES[group] + random.normal(size=(rows, 3)))


def started(student: Centroids, x: torch.Tensor, weights: torch.Tensor | None = None, seed: int = 0) -> torch.Tensor:
    with torch.inference_mode():
        found = PLAIN.initial_parameters(student, x, weights, partial(k_means, seed=seed))
    assert list(found) == ["centroids"]
    return found["centroids"]


@pytest.mark.parametrize("seed", range(3))
def test_the_start_separates_groups_far_apart(seed: int) -> None:
    student, _ = layer()
    group, x = blobs(seed)
    centroids = started(student, x, seed=seed)
    assert (centroids.shape, centroids.dtype) == ((4, 3), torch.float32)
    student.load_state_dict({**student.state_dict(), "centroids": centroids.double()})
    clusters = PLAIN.inverse_link(student(x)).argmax(dim=1).numpy()
    assert normalized_mutual_info_score(group, clusters) == pytest.approx(1)
    means = np.array([x.numpy()[clusters == cluster].mean(axis=0) for cluster in range(4)])
    np.testing.assert_allclose(centroids.numpy(), means, rtol=1e-5, atol=1e-5)


def test_the_start_is_made_of_points_not_of_inputs() -> None:
    student, _ = layer()
    _, x = blobs()
    before = started(student, x)
    with torch.no_grad():
        student.points.bias.add_(5)
        student.points.weight.mul_(2)
    torch.testing.assert_close(started(student, x), 2 * before + 5)


def test_the_start_repeats_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads add up in the order in which they are done: it uses one, and leaves the others as they were."""
    student, _ = layer()
    x = torch.randn(3_000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole, used, found = KMeans.fit, [], []

    def fit(means: KMeans, *points: Any, **options: Any) -> Any:
        used.append({pool["num_threads"] for pool in threadpool_info()})
        return whole(means, *points, **options)

    monkeypatch.setattr(KMeans, "fit", fit)
    for threads in (2, 3):
        with threadpool_limits(threads):
            found.append(started(student, x))
            assert threads in {pool["num_threads"] for pool in threadpool_info()}
    assert used == [{1}, {1}]
    assert torch.equal(*found)
    assert not torch.equal(found[0], started(student, x, seed=1))


def test_rows_without_weight_place_no_centroid() -> None:
    student, _ = layer()
    _, x = blobs()
    far = torch.cat([x, torch.full((20, 3), 1e3, dtype=torch.float64)])
    weights = torch.cat([torch.ones(len(x)), torch.zeros(20)])
    assert started(student, far, weights).abs().max() < 12


def test_a_weight_is_that_many_rows_in_the_start() -> None:
    student, _ = layer()
    _, x = blobs()
    counts = torch.arange(len(x)) % 4
    found = started(student, x, counts.float()), started(student, x.repeat_interleave(counts, dim=0))
    in_order = [centroids[(centroids @ torch.tensor([1.0, 2, 3])).argsort()] for centroids in found]
    torch.testing.assert_close(in_order[0], in_order[1])


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 1, 1, 1, 0])], ids=["all", "weightless"])
def test_fewer_points_than_clusters_are_refused(weights: torch.Tensor | None) -> None:
    student, _ = layer()
    x = torch.zeros(5, 3, dtype=torch.float64)
    x[:, 0] = torch.tensor([0.0, 1, 2, 2, 9 if weights is not None else 0])
    with pytest.raises(TrainingError, match=r"task 't': 4 clusters need as many different points .*found 3; lower"):
        started(student, x, weights)
    x[3, 0] = 3
    assert started(student, x, weights).isfinite().all()


LABELS = {
    "text": (pa.array(["b", "a", None, "", "c"]), [1, 0, -1, -1, 2]),
    "dictionary": (pa.array(["b", None, "a"]).dictionary_encode(), [1, -1, 0]),
    "a class that training did not have": (pa.array(["x", "a", "y"]), [3, 0, 3]),
}


@pytest.mark.parametrize(("values", "labels"), LABELS.values(), ids=LABELS)
def test_labels(values: pa.Array, labels: list[int]) -> None:
    found = WITH_CLASSES.codec.encode(values)
    assert (found.dtype, found.tolist()) == (np.int16, labels)
    as_tensor = torch.from_numpy(found)
    assert WITH_CLASSES.codec.labelled(as_tensor).tolist() == [label >= 0 for label in labels]
    assert WITH_CLASSES.trains_on(as_tensor).tolist() == [True] * len(labels)


def test_classes_may_be_numbers() -> None:
    fitted = fit(declared(target="y", clusters=2), pa.array([2.0, 1.0, None]))
    assert fitted.classes == ("1", "2")
    assert fitted.encode(pa.array([1, 2, None, 7])).tolist() == [0, 1, -1, 2]


def test_without_a_target_every_row_counts() -> None:
    found = PLAIN.codec.encode(pa.nulls(3))
    assert (found.dtype, found.tolist()) == (np.int16, [0, 0, 0])
    assert PLAIN.codec.labelled(torch.from_numpy(found)).all()
    assert (PLAIN.codec.targets, WITH_CLASSES.codec.targets) == ((), ("y",))
    assert len(PLAIN.codec.encode(pa.nulls(0))) == 0


@given(data=st.data(), values=st.lists(st.sampled_from(["a", "b", "c", None]), min_size=2))
@patient
def test_part_by_part_equals_at_once(data: st.DataObject, values: list[str | None]) -> None:
    column = pa.array([*values, "a", "b"], pa.string())
    parts = [column[cut] for cut in data.draw(partitions(len(column)))]
    for task in (declared(target="y"), declared(clusters=2)):
        assert fit(task, *parts) == fit(task, column)


REFUSED = {
    "fewer rows than clusters": (declared(), pa.nulls(3), ["4 clusters need as many rows", "found 3; lower"]),
    "one class": (declared(target="y"), pa.array(["a"] * 4), ["two classes or more", "found ['a'] in 'y'"]),
    "no class": (declared(target="y"), pa.nulls(4), ["two classes or more", "found []"]),
}


@pytest.mark.parametrize(("task", "values", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(task: Any, values: pa.Array, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        fit(task, values)
    for word in ["task 't'", *words]:
        assert word in str(caught.value)


def test_too_many_classes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CLASSES", 3)
    assert fit(declared(target="y"), pa.array([1, 2, 3, 3])).classes == ("1", "2", "3")
    with pytest.raises(DataError, match="at most 3 classes, found more in 'y'"):
        fit(declared(target="y"), pa.array([1, 2, 3, 4]))


DECLARED = {
    "one cluster": ({"clusters": 1}, "greater than or equal to 2"),
    "too many clusters": ({"clusters": 1_001}, "less than or equal to 1000"),
    "no space": ({"width": 0}, "greater than or equal to 1"),
    "a negative warm-up": ({"warm_up": -1}, "greater than or equal to 0"),
    "no start": ({"restarts": 0}, "greater than or equal to 1"),
    "nmi without a target": ({"metric": "nmi"}, "found no `target`"),
    "no number of clusters": ({"clusters": None}, "clusters"),
}


@pytest.mark.parametrize(("options", "words"), DECLARED.values(), ids=DECLARED)
def test_declarations_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        declared(**options)


METRICS = {metric.name: metric for metric in PLAIN.metrics}


def sample(seed: int, rows: int = 30, classes: int = 3) -> tuple[Any, Any]:
    """Labels, and probabilities that say something of them; every class and cluster has a row."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), random.integers(0, classes, rows - classes)]).astype(np.int16)
    predictions = random.dirichlet(np.ones(4), rows)
    predictions[np.arange(rows), labels % 4] += random.integers(0, 2, rows)
    predictions[:4] = np.eye(4) + 0.1
    return labels, (predictions / predictions.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_nmi_equals_the_peers(seed: int) -> None:
    labels, predictions = sample(seed)
    expected = normalized_mutual_info_score(labels, predictions.argmax(axis=1))
    assert 0 < expected < 1
    assert METRICS["nmi"](labels, predictions) == pytest.approx(expected)


@pytest.mark.parametrize(("clusters", "value"), [([0, 1, 2, 2], 1), ([3, 0, 1, 1], 1), ([2, 2, 2, 2], 0)], ids=str)
def test_nmi_at_its_ends(clusters: list[int], value: float) -> None:
    labels, predictions = np.array([0, 1, 2, 2], dtype=np.int16), np.eye(4, dtype=np.float32)[clusters]
    assert METRICS["nmi"](labels, predictions) == pytest.approx(value, abs=1e-12)
    assert np.isnan(METRICS["nmi"](labels * 0, predictions)), "nothing to tell"


@pytest.mark.parametrize("seed", range(3))
def test_silhouette_equals_brute_force_on_the_points(seed: int) -> None:
    student, x = layer(seed)
    dissimilarities, _, _ = by_hand(x, student.centroids)
    widths = []
    for row in dissimilarities:
        own = int(row.argmin())
        a, b = row[own], min(row[other] for other in range(4) if other != own)
        widths.append((b - a) / max(a, b))
    predictions = PLAIN.inverse_link(student(x)).detach().numpy()
    found = METRICS["silhouette"](np.zeros(ROWS), predictions)
    assert found == pytest.approx(np.mean(widths))
    assert 0 < found < 1


def test_silhouette_at_its_ends() -> None:
    labels = np.zeros(3, dtype=np.int16)
    sure = np.eye(4, dtype=np.float32)[[0, 1, 2]]
    halfway = np.array([[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5]])
    assert METRICS["silhouette"](labels, sure) == 1
    assert METRICS["silhouette"](labels, halfway) == 0
    assert METRICS["silhouette"](labels, sure[[0, 0, 0]]) == 0, "one cluster tells no row apart"
    assert METRICS["silhouette"].weighted(labels, sure)(np.array([2.0, 0, 0])) == 0
    assert METRICS["silhouette"].weighted(labels, sure)(np.array([2.0, 1, 0])) == 1


@pytest.mark.parametrize("name", METRICS)
@given(seed=st.integers(0, 1_000))
@patient
def test_a_weight_is_that_many_rows(name: str, seed: int) -> None:
    labels, predictions = sample(seed, rows=6)
    weights = np.random.default_rng(seed).multinomial(6, np.full(6, 1 / 6)).astype(float)
    repeated = np.repeat(np.arange(6), weights.astype(int))
    expected = METRICS[name](labels[repeated], predictions[repeated])
    found = METRICS[name].weighted(labels, predictions)(weights)
    assert found == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
def test_permuted_clusters_measure_the_same(name: str) -> None:
    labels, predictions = sample(0)
    value = METRICS[name](labels, predictions)
    assert METRICS[name](labels, predictions[:, [2, 0, 3, 1]]) == pytest.approx(value)
    assert METRICS[name].higher_is_better
    assert np.isnan(METRICS[name](labels[:0], predictions[:0]))
    assert np.isnan(resampled(METRICS[name], labels[:0], predictions[:0], resamples=2)).all()


@pytest.mark.parametrize("name", METRICS)
def test_the_trivial_prediction_tells_no_row_apart(name: str) -> None:
    labels, _ = sample(0)
    one = PLAIN.baseline(labels)
    assert (one.shape, one.dtype, one.sum()) == ((4,), np.float32, 1)
    assert METRICS[name](labels, np.broadcast_to(one, (len(labels), 4))) == 0


def test_its_own_metric_is_the_one_that_can_be_measured() -> None:
    assert [PLAIN.metric.name, WITH_CLASSES.metric.name] == ["silhouette", "nmi"]
    assert objective(declared(target="y", metric="silhouette"), pa.array(list("abcd"))).metric.name == "silhouette"
    assert [metric.name for metric in PLAIN.metrics] == ["nmi", "silhouette"]
    with pytest.raises(KeyError):
        PLAIN.options.metric_named("auc")


def test_labels_teach_it_nothing() -> None:
    losses = WITH_CLASSES.loss(torch.randn(3, 4), torch.tensor([0, 1, -1], dtype=torch.int16))
    assert losses.tolist() == [0, 0, 0]
    assert PLAIN.unsupervised
    assert [PLAIN.start_epoch, objective(declared(warm_up=0), pa.nulls(4)).start_epoch] == [2, 1]


def test_unlink_is_the_inverse_of_link() -> None:
    q = np.random.default_rng(0).dirichlet(np.ones(4), 9)
    logits = PLAIN.to_logits(q)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(PLAIN.inverse_link(torch.from_numpy(logits)), q, atol=1e-5)
    assert np.isfinite(PLAIN.to_logits(np.eye(4))).all()


@pytest.mark.parametrize("fitted", [PLAIN, WITH_CLASSES], ids=["plain", "with classes"])
def test_json_says_all_of_it(fitted: Any) -> None:
    assert TypeAdapter(AnyCodec).validate_json(fitted.codec.model_dump_json()) == fitted.codec


def test_signature() -> None:
    assert (PLAIN.outputs, PLAIN.signature()) == (
        4,
        {"name": "t", "kind": "clustering", "form": "cluster_probabilities", "unit": "probability", "clusters": 4},
    )
