"""Pictures that training never sees, for choosing between checkpoints: held-out photograph classes, held-out defects.

`python validation.py PHOTOS NETWORK...` compares networks, named as for evaluate.py, on them (10 seeds).
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import generate
from fewshot import balanced_accuracy
from targets import SIZE, photo_classes

PHOTOS, DEFECTS = 40, 100  # pictures a class
SHOTS, SEEDS = (5, 20), 5


def pictures(photos, size=SIZE):
    """`{"photos": (images, labels), "defects": ...}`; images `[n, size, size, 3]` u8. The same on every call."""
    listed = [(path, name) for name in photo_classes(photos, held_out=True)
              for path in sorted((Path(photos) / name).iterdir())[:PHOTOS]]
    rows = [(generate.held_out(np.random.default_rng([99, kind, index]), kind), kind)
            for kind in range(generate.HELD_OUT_CLASSES) for index in range(DEFECTS)]
    sets = {"photos": [(Image.open(path).convert("RGB"), name) for path, name in listed], "defects": rows}
    return {name: (np.stack([np.asarray(image.resize((size, size), Image.BILINEAR)) for image, _ in rows]),
                   np.array([label for _, label in rows])) for name, rows in sets.items()}


def accuracies(sets, feature_of, seeds=SEEDS):
    """Balanced accuracy in % for each set and number of shots; `feature_of(images)` gives `[n, dim]`."""
    results = {}
    for name, (images, labels) in sets.items():
        features = feature_of(images)
        for shots in SHOTS:
            results[f"{name}_{shots}"] = balanced_accuracy(features, labels, shots, seeds)[0]
    return results


def main():
    from evaluate import Network  # here, so that training does without it

    for text in sys.argv[2:]:
        network = Network(text)
        sets = pictures(sys.argv[1], network.size)

        def features(images):
            return np.stack([network.feature(Image.fromarray(image)) for image in images])

        found = accuracies(sets, features, 10)
        found["mean"] = np.mean(list(found.values()))
        print(f"{text}: {', '.join(f'{name} {value:.1f}' for name, value in found.items())}")


if __name__ == "__main__":
    main()
