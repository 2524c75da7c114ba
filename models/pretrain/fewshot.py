"""Few-shot accuracy of frozen features: shrinkage LDA, as the runtime's default head computes it."""

import numpy as np


def blocks_to_unit_length(blocks):
    """Pooled taps, each `[images, channels]`, to one feature: every block is scaled to length one if there are several."""
    if len(blocks) == 1:
        return blocks[0]
    return np.concatenate([block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12) for block in blocks], 1)


def lda_scores(train, labels, test, classes, shrinkage=0.5):
    """Scores `[images, classes]` of `test` after learning `train` (`[n, dim]`, length one) with `labels` 0..classes.

    Class means M, within-class scatter S / (n - 1), G = (1 - s) S + s (tr S / dim) I, scores x'G^-1 m - m'G^-1 m / 2.
    G is a multiple of the identity plus a matrix of rank n, so Woodbury's identity leaves an n x n system.
    """
    n, dim = train.shape
    means = np.stack([train[labels == c].mean(0) for c in range(classes)])
    within = (train - means[labels]) / np.sqrt(max(n - 1, 1))
    ridge = shrinkage * np.square(within).sum() / dim
    if ridge <= 0:  # one example a class: nearest mean
        ridge, within = 1.0, within * 0
    scaled = within * np.sqrt(1 - shrinkage)
    inner = np.eye(n) * ridge + scaled @ scaled.T
    weights = (means.T - scaled.T @ np.linalg.solve(inner, scaled @ means.T)) / ridge
    return test @ weights - 0.5 * np.einsum("cd,dc->c", means, weights)


def balanced_accuracy(features, labels, shots, seeds):
    """Mean and standard deviation over seeds of balanced accuracy in %: `shots` random images a class are learnt, all
    others tested. `features`: `[images, dim]`; `labels`: `[images]`."""
    features = features.astype(np.float64)
    features = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    names, labels = np.unique(labels, return_inverse=True)
    results = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        learn = np.zeros(len(labels), bool)
        for c in range(len(names)):
            members = np.flatnonzero(labels == c)
            learn[rng.choice(members, min(shots, len(members) - 1), replace=False)] = True
        guess = lda_scores(features[learn], labels[learn], features[~learn], len(names)).argmax(1)
        truth = labels[~learn]
        results.append(100 * np.mean([(guess[truth == c] == c).mean() for c in range(len(names))]))
    return float(np.mean(results)), float(np.std(results))
