"""Balanced accuracy of the heads beside numpy's and scikit-learn's, on the same features and splits.

    fieldtune eval DIR --model ... --features f.npz --seeds 1 --shots 1
    fieldtune eval --from-features f.npz --head all --center mean --write-splits s.json --json r.json
    python tests/reference/table.py f.npz s.json r.json

Prints a row a head: ours, the reference, the difference, in %. Exit status 1 where a head is more than half a point
below its reference, or the default head more than a point below the best reference at 5 shots and more.
"""

import json
import sys
from collections import defaultdict

import numpy as np
from sklearn.linear_model import LogisticRegression


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def lda(z, y, queries, classes, shrinkage=0.5):
    """Scores x^T G^-1 m_c - m_c^T G^-1 m_c / 2 with G = (1 - s) S + s (tr S / d) I, by Woodbury's identity."""
    n, d = z.shape
    means = np.stack([z[y == c].mean(0) for c in range(classes)])
    within = z - means[y]
    trace = (within**2).sum() / (n - 1)
    if trace < 1e-12:
        inverse = lambda x: x
    else:
        a, b = shrinkage * trace / d, (1 - shrinkage) / (n - 1)
        core = np.linalg.inv(np.eye(n) / b + within @ within.T / a)
        inverse = lambda x: x / a - (x @ within.T) @ core @ within / a**2
    weights = inverse(means)
    return queries @ weights.T - 0.5 * (means * weights).sum(1)


def ridge(z, y, queries, classes, penalty=0.1):
    """Kernel regression onto targets of +1 and -1."""
    targets = 2 * np.eye(classes)[y] - 1
    return queries @ z.T @ np.linalg.solve(z @ z.T + penalty * np.eye(len(z)), targets)


def prototype(z, y, queries, classes):
    means = np.stack([z[y == c].mean(0) for c in range(classes)])
    return queries @ means.T - 0.5 * (means**2).sum(1)


def knn(z, y, queries, classes, k=3):
    """Votes of the k nearest by cosine; of equal votes the class of the nearest."""
    cosines = queries @ z.T
    near = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
    votes = np.zeros((len(queries), classes))
    for row, neighbours in enumerate(near):
        for rank, neighbour in enumerate(neighbours):
            votes[row, y[neighbour]] += 1 - 1e-3 * rank
    return votes


def softmax(z, y, queries, classes):
    return LogisticRegression(C=100, max_iter=2000).fit(z, y).decision_function(queries)


def balanced(truth, scores, classes):
    if scores.ndim == 1:
        scores = np.stack([-scores, scores], 1)
    right = scores.argmax(1) == truth
    return np.mean([right[truth == c].mean() for c in range(classes) if (truth == c).any()])


def main(features, splits, results):
    stored = np.load(features)
    x = stored["features"].astype(np.float64)
    at = {name: row for row, name in enumerate(stored["files"].tolist())}
    reference = defaultdict(list)
    for split in json.load(open(splits)):
        names = sorted({name.split("/")[0] for name in split["train"]})
        label = {name: i for i, name in enumerate(names)}
        rows = lambda files: np.array([at[name] for name in files])
        labels = lambda files: np.array([label[name.split("/")[0]] for name in files])
        train, test = rows(split["train"]), rows(split["test"])
        y, truth = labels(split["train"]), labels(split["test"])
        centre = x[train].mean(0)
        z, queries = unit(x[train] - centre), unit(x[test] - centre)
        for head in (lda, ridge, prototype, knn, softmax):
            scores = head(z, y, queries, len(names))
            reference[head.__name__, split["shots"]].append(balanced(truth, scores, len(names)))
    best = defaultdict(float)
    for (_, shots), values in reference.items():
        best[shots] = max(best[shots], 100 * np.mean(values))
    failed = False
    print(f"{'head':<10} {'shots':>5} {'ours':>6} {'reference':>9} {'difference':>10}")
    for cell in json.load(open(results))["cells"]:
        head, shots = cell["head"], cell["shots"]
        ours = 100 * cell["balanced_accuracy"]["mean"]
        if (head, shots) not in reference:
            print(f"{head:<10} {shots:>5} {ours:>6.1f}")
            continue
        wanted = 100 * np.mean(reference[head, shots])
        print(f"{head:<10} {shots:>5} {ours:>6.1f} {wanted:>9.1f} {ours - wanted:>+10.2f}")
        failed |= ours < wanted - 0.5
        failed |= head == "lda" and shots >= 5 and ours < best[shots] - 1
    print("not as good as the reference" if failed else "as good as the reference")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
