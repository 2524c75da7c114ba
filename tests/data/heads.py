"""Makes heads/: classifiers of features as skl2onnx writes them, and expected.json, what ONNX Runtime says of some features.

    python tests/data/heads.py        (scikit-learn 1.9, skl2onnx 1.20, onnxruntime 1.32)

The features come from a seed; same seed and versions, same numbers.
"""

import json
import pathlib
import warnings

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler

warnings.simplefilter("ignore")
FOLDER = pathlib.Path(__file__).parent / "heads"
RANDOM = np.random.RandomState(5)
DIM, SHOWN = 6, 5


def main():
    features = RANDOM.normal(size=(90, DIM)).astype(np.float32)
    features[:, 1] = 3 + 4 * features[:, 1]
    three = np.array(["good", "dent", "scratch"])[np.argmax(features[:, [0, 2, 3]], axis=1)]
    two = np.where(features[:, 0] * features[:, 2] > 0, "good", "bad")
    # Of each: operators of scikit-learn's own; the same in double precision, all written out; a hidden layer, one score.
    made = {
        "scaled": (make_pipeline(Normalizer(), StandardScaler(), LogisticRegression()), three, np.float32),
        "reduced": (make_pipeline(StandardScaler(), PCA(4), LogisticRegression()), two, np.float64),
        "hidden": (MLPClassifier((5,), max_iter=2000, random_state=1), two, np.float32),
    }
    expected = {"features": features[:SHOWN].tolist(), "heads": {}}
    FOLDER.mkdir(exist_ok=True)
    for name, (model, classes, kind) in made.items():
        model.fit(features.astype(kind), classes)
        # ONNX Runtime has no ZipMap of double precision.
        options = {"zipmap": False} if kind is np.float64 else {}
        onnx = to_onnx(model, features[:1].astype(kind), options=options).SerializeToString()
        (FOLDER / f"{name}.onnx").write_bytes(onnx)
        session = onnxruntime.InferenceSession(onnx)
        said = session.run(None, {session.get_inputs()[0].name: features[:SHOWN].astype(kind)})[1]
        said = [list(one.values()) if isinstance(one, dict) else one for one in said]
        assert np.abs(said - model.predict_proba(features[:SHOWN].astype(kind))).max() < 1e-5
        rows = [[round(float(p), 6) for p in one] for one in said]
        expected["heads"][name] = {"classes": model.classes_.tolist(), "probabilities": rows}
    (FOLDER / "expected.json").write_text(json.dumps(expected) + "\n")


main()
