"""Linear discriminant analysis with a kernel of radial basis functions, beside what fieldtune's heads give on the same splits.

    fieldtune eval DIR --shots 20,50 --seeds 5 --features F.npz --write-splits S.json
    python models/check/kernel_lda.py F.npz S.json

The kernel is exp(-|x - y|^2 / median) of features of length one, whitened by the covariance within the classes with LDA's rule
for its shrinkage; a regression onto the classes, each weighing the same, whose
ridge is the one of a few with the least left-out error (Cawley and Talbot 2003). Prints the mean balanced accuracy by shots.
"""

import collections
import json
import sys

import numpy as np

kept = np.load(sys.argv[1])
features = kept["features"] / np.linalg.norm(kept["features"], axis=1, keepdims=True)
place = {str(name): at for at, name in enumerate(kept["files"])}
label = np.array([str(name).split("/")[0] for name in kept["files"]])
RIDGES = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]


def squares(a, b):
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1)[None] - 2 * a @ b.T, 0)


def run(split):
    train, test = ([place[name] for name in split[part]] for part in ("train", "test"))
    classes = sorted(set(label[train]))
    means = np.array([features[[at for at in train if label[at] == name]].mean(0) for name in classes])
    inner = features[train] - means[[classes.index(label[at]) for at in train]]
    covariance = inner.T @ inner / max(len(train) - len(classes), 1)
    shrinkage = 5 / (5 + split["shots"])
    mean = np.trace(covariance) / len(covariance)
    values, axes = np.linalg.eigh((1 - shrinkage) * covariance + shrinkage * mean * np.eye(len(covariance)))
    white = features @ (axes / np.sqrt(values))
    apart = squares(white[train], white[train])
    width = np.median(apart[apart > 1e-9])
    kernel = np.exp(-apart / width)
    wanted = np.array([[1.0 if label[at] == name else -1.0 / (len(classes) - 1) for name in classes] for at in train])
    size = np.array([np.sum(label[train] == label[at]) for at in train])
    weight = len(train) / len(classes) / size
    best = None
    for ridge in RIDGES:
        inverse = np.linalg.inv(kernel + np.diag(ridge / weight))
        dual = inverse @ wanted
        error = np.mean(weight[:, None] * (dual / np.diag(inverse)[:, None]) ** 2)
        best = min(best or (np.inf, None), (error, dual), key=lambda pair: pair[0])
    scores = np.exp(-squares(white[test], white[train]) / width) @ best[1]
    found = np.array(classes)[scores.argmax(1)]
    return np.mean([np.mean(found[label[test] == name] == name) for name in classes if np.any(label[test] == name)])


cells = collections.defaultdict(list)
for split in json.load(open(sys.argv[2])):
    cells[split["shots"]].append(run(split))
for shots, values in sorted(cells.items()):
    print(f"{shots} images a class: {100 * np.mean(values):.1f} +- {100 * np.std(values):.1f} % of {len(values)} splits")
