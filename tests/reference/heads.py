"""Reference scores for the heads, by numpy and scikit-learn: writes heads.json beside itself.

    python heads.py        # needs numpy and scikit-learn

Every formula is written out in its plainest form (a d x d covariance, a refit for every example left out), not in
the form that the heads use.
"""

import json
import pathlib
import platform

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

SEED = 20250607
SHRINKAGE = 0.5
RIDGE = 0.1


def clusters(random, counts, queries, dim, spread, decimals):
    """Features of unequal classes around unequal means, far from the origin, and queries of the same classes."""
    offset = random.normal(0.0, 1.0, dim) + 2.0
    mixing = random.normal(0.0, 1.0, (dim, dim)) / np.sqrt(dim)
    means = random.normal(0.0, 1.0, (len(counts), dim))

    def draw(labels):
        noise = spread * random.normal(0.0, 1.0, (len(labels), dim)) @ mixing
        return np.round(offset + means[labels] + noise, decimals)

    labels = np.repeat(np.arange(len(counts)), counts)
    asked = random.integers(0, len(counts), queries)
    return draw(labels), labels, draw(asked), asked


def scale(x, centre):
    """z = (x - centre) / |x - centre|"""
    z = x - centre
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def means_of(z, labels):
    return np.array([z[labels == c].mean(axis=0) for c in range(labels.max() + 1)])


def discriminant(queries, means, covariance):
    """x.G^-1 m - m.G^-1 m / 2"""
    weights = np.linalg.solve(covariance, means.T)
    return queries @ weights - 0.5 * np.sum(means.T * weights, axis=0)


def shrunk(covariance, shrinkage):
    dim = len(covariance)
    return (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / dim * np.eye(dim)


def scatter(z, labels):
    away = z - means_of(z, labels)[labels]
    return away.T @ away


def lda(z, labels, queries):
    covariance = scatter(z, labels) / (len(z) - 1)
    return discriminant(queries, means_of(z, labels), shrunk(covariance, SHRINKAGE))


def lda_rounded(z, labels, queries):
    """As lda, its ridge rounded to sixteen steps an octave, which src/learn/head/lda.rs says why."""
    within, dim = scatter(z, labels), z.shape[1]
    ridge = SHRINKAGE / (1 - SHRINKAGE) * np.trace(within) / dim
    ridge = 2 ** (np.round(np.log2(ridge) * 16) / 16)
    covariance = (1 - SHRINKAGE) / (len(z) - 1) * (within + ridge * np.eye(dim))
    return discriminant(queries, means_of(z, labels), covariance)


def slda_published(z, labels, queries):
    """Hayes and Kanan 2020: the covariance and the means as they stream in, from zero."""
    dim = z.shape[1]
    covariance, seen = np.zeros((dim, dim)), 0
    means, counts = np.zeros((labels.max() + 1, dim)), np.zeros(labels.max() + 1)
    for x, y in zip(z, labels):
        away = x - means[y]
        delta = np.outer(away, away) * seen / (seen + 1)
        covariance = (seen * covariance + delta) / (seen + 1)
        means[y] += away / (counts[y] + 1)
        counts[y] += 1
        seen += 1
    return discriminant(queries, means, shrunk(covariance, SHRINKAGE))


def prototype_euclidean(z, labels, queries):
    means = means_of(z, labels)
    return queries @ means.T - 0.5 * np.sum(means**2, axis=1)


def prototype_cosine(z, labels, queries):
    means = means_of(z, labels)
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(means, axis=1)
    return queries @ means.T / lengths


def ridge(z, labels, queries, balanced=False):
    """k^T (K + lambda I)^-1 T, the targets +1 and -1; balanced: those of class c multiplied by n / (C n_c)."""
    present = np.unique(labels)
    targets = np.where(labels[:, None] == np.arange(labels.max() + 1), 1.0, -1.0)
    if balanced:
        counts = np.bincount(labels)
        targets *= (len(labels) / (len(present) * counts[labels]))[:, None]
    return queries @ z.T @ np.linalg.solve(z @ z.T + RIDGE * np.eye(len(z)), targets)


def ridge_balanced(z, labels, queries):
    return ridge(z, labels, queries, balanced=True)


def left_out(score, z, labels):
    """The score of every example by all the others."""
    rest = lambda i: np.arange(len(z)) != i
    return np.array([score(z[rest(i)], labels[rest(i)], z[i : i + 1])[0] for i in range(len(z))])


def knn(z, labels, queries):
    """The share of each class in the votes of the three nearest, weighted by inverse distance."""
    model = KNeighborsClassifier(3, metric="cosine", weights="distance", algorithm="brute")
    return model.fit(z, labels).predict_proba(queries)


def reference(name, features, labels, queries):
    centre = np.round(features.mean(axis=0), 4)
    cases = []
    for centred in (True, False):
        at = centre if centred else np.zeros_like(centre)
        z, asked = scale(features, at), scale(queries, at)
        for score in (
            lda, lda_rounded, slda_published, prototype_euclidean, prototype_cosine, ridge, ridge_balanced, knn,
        ):
            case = {"name": score.__name__, "centred": centred, "scores": score(z, labels, asked)}
            if score in (ridge, ridge_balanced, lda_rounded, prototype_euclidean):
                case["left_out"] = left_out(score, z, labels)
            cases.append(case)
    return {"name": name, "centre": centre, "features": features, "labels": labels, "queries": queries, "cases": cases}


def logistic(random):
    """Classes that overlap, and enough queries that half a point is more than one of them."""
    features, labels, queries, asked = clusters(random, [40, 10, 25, 15, 20, 10], 800, 12, 2.5, 2)
    centre = np.round(features.mean(axis=0), 4)
    model = LogisticRegression(C=100, max_iter=10_000, tol=1e-8)
    model.fit(scale(features, centre), labels)
    right = model.predict(scale(queries, centre)) == asked
    return {
        "centre": centre, "features": features, "labels": labels, "queries": queries, "query_labels": asked,
        "accuracy": 100 * right.mean(),
    }


def plain(value):
    """As JSON has it; scores to seven digits."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, np.ndarray)):
        return [plain(inner) for inner in value]
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.7g}")
    return value


def main():
    random = np.random.default_rng(SEED)
    wide = clusters(random, [20, 5, 12, 3, 14, 6], 30, 40, 0.8, 4)
    low = clusters(random, [25, 10, 15], 30, 8, 0.8, 4)
    document = {
        "tools": {"python": platform.python_version(), "numpy": np.__version__, "scikit-learn": sklearn.__version__},
        "seed": SEED,
        "tolerance": {"score": 1e-3, "accuracy_points": 0.5},
        "sets": [reference("wide", *wide[:3]), reference("low", *low[:3])],
        "logistic": logistic(random),
    }
    text = json.dumps(plain(document), separators=(",", ":")).replace("],[", "],\n[").replace(',"', ',\n"')
    pathlib.Path(__file__).with_name("heads.json").write_text(text + "\n")
    print(f"{len(text)} bytes, logistic regression {document['logistic']['accuracy']:.2f} %")


if __name__ == "__main__":
    main()
