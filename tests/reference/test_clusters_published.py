"""Published numbers of clustering: iris, wine, a worked Gower example, R's pam."""

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris, load_wine
from sklearn.metrics import adjusted_rand_score, pairwise_distances

from custaudience.customers.segments.choosing_k import choose_k
from custaudience.customers.segments.clusters import segment_customers
from custaudience.customers.segments.grouping import fast_kmeans, find_medoids, gower_distance, silhouette
from custaudience.customers.segments.preparation import learn_preparation


@pytest.fixture(scope="module")
def iris():
    data = load_iris()
    return pd.DataFrame(data.data, columns=["sepal_length", "sepal_width", "petal_length", "petal_width"]), data.target


@pytest.fixture(scope="module")
def wine():
    data = load_wine()
    return pd.DataFrame(data.data, columns=data.feature_names), data.target


@pytest.mark.parametrize(
    ("k", "within", "width"), [(2, 152.34795, 0.6810), (3, 78.85144, 0.5528), (4, 57.22847, 0.4981)]
)
def test_iris_k_means(iris, k, within, width):
    """R: kmeans(iris[, 1:4], k, nstart = 50)$tot.withinss; mean silhouette widths as in R's cluster package."""
    x = iris[0].to_numpy()
    fit = fast_kmeans(x, k, seed=0, n_init=50)
    assert fit.inertia == pytest.approx(within, abs=1e-3)
    assert silhouette(pairwise_distances(x), fit.labels) == pytest.approx(width, abs=1e-4)


def test_iris_segments_against_the_species(iris):
    """Adjusted Rand index 0.7302 of three groups with the species (scikit-learn, mclust)."""
    table, species = iris
    unscaled = learn_preparation(table, scale="none", log=())
    got = segment_customers(table, 3, value="petal_length", preparation=unscaled)
    assert got.inertia == pytest.approx(78.85144, abs=1e-3)
    assert adjusted_rand_score(species, got.segments.cat.codes) == pytest.approx(0.7302, abs=1e-4)
    assert got.table["value_mean"].is_monotonic_decreasing


def test_wine_standardised(wine):
    """R: kmeans(scale(wine), 3, nstart = 25)$tot.withinss 1270.749; adjusted Rand index 0.8975 with the cultivars."""
    table, cultivar = wine
    standard = learn_preparation(table, scale="standard", log=())
    got = segment_customers(table, 3, value="alcohol", preparation=standard)
    assert got.inertia == pytest.approx(1270.749, abs=0.01)
    assert adjusted_rand_score(cultivar, got.segments.cat.codes) == pytest.approx(0.8975, abs=1e-4)


def test_the_number_of_groups_in_iris_and_wine(iris, wine):
    """Iris: two of the three species overlap, so two clouds; wine: the three cultivars."""
    flowers = choose_k(iris[0], preparation=learn_preparation(iris[0], scale="none", log=()))
    assert flowers.k == 2
    cultivars = choose_k(wine[0], preparation=learn_preparation(wine[0], scale="standard", log=()))
    assert cultivars.k == 3, cultivars.table.to_string()


def test_pam_of_iris():
    """R: pam(iris[, 1:4], 3): medoids 8, 79, 113 (from 1), objective after swapping 0.6542077."""
    distance = pairwise_distances(load_iris().data)
    chosen = find_medoids(distance, 3, seed=0)
    assert (chosen + 1).tolist() == [8, 79, 113]
    assert distance[chosen].min(axis=0).mean() == pytest.approx(0.6542077, abs=1e-6)


def test_gower_worked_example():
    """Michael Yan's gower package for Python, the example on its PyPI page, first and second row."""
    table = pd.DataFrame(
        {"age": [21, 21, 19, 30, 21, 21, 19, 30, None], "gender": ["M", "M", "N", "M", "F", "F", "F", "F", None],
         "civil_status": [*"MARRIED SINGLE SINGLE SINGLE MARRIED SINGLE WIDOW DIVORCED".split(), None],
         "salary": [3000.0, 1200.0, 32000.0, 1800.0, 2900.0, 1100.0, 10000.0, 1500.0, None],
         "has_children": [1, 0, 1, 1, 1, 0, 0, 1, None],
         "available_credit": [2200, 100, 22000, 1100, 2000, 100, 6000, 2200, None]}
    )  # fmt: skip
    got = gower_distance(table)
    first = [0, 0.3590238, 0.6707398, 0.31787416, 0.16872811, 0.52622986, 0.59697855, 0.47778758]
    second = [0.3590238, 0, 0.6964303, 0.3138769, 0.523629, 0.16720603, 0.45600235, 0.6539635]
    np.testing.assert_allclose(got[:2, :8], [first, second], atol=1e-6)
    assert np.isnan(got[8]).all() and np.isnan(got[:, 8]).all()
