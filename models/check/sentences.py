"""Folders of sentences a class, to measure networks that read text on.

    pip download --no-deps --no-binary :all: vaderSentiment==3.3.2
    python models/check/sentences.py vaderSentiment-3.3.2.tar.gz OUT

Writes OUT/films and OUT/shops, each with positive.txt and negative.txt: every third of the sentences of film and of shop
reviews (MIT licence) that people rated above 0.8 or below -0.8 on a scale from -4 to 4. Those of films are the sentences
that SST-2 is made of.
"""

import io
import pathlib
import sys
import tarfile

FILES = {"films": "movieReviewSnippets", "shops": "amazonReviewSnippets"}

package, out = sys.argv[1:]
with tarfile.open(package) as outer:
    inner = next(name for name in outer.getnames() if name.endswith("hutto_ICWSM_2014.tar.gz"))
    data = tarfile.open(fileobj=io.BytesIO(outer.extractfile(inner).read()))
for folder, file in FILES.items():
    member = next(name for name in data.getnames() if name.endswith(f"{file}_GroundTruth.txt"))
    classes = {"positive": set(), "negative": set()}
    for line in data.extractfile(member).read().decode(errors="ignore").splitlines():
        parts = line.split("\t")
        if len(parts) == 3 and abs(float(parts[1])) > 0.8:
            classes["positive" if float(parts[1]) > 0 else "negative"].add(" ".join(parts[2].split()))
    place = pathlib.Path(out) / folder
    place.mkdir(parents=True, exist_ok=True)
    for name, sentences in classes.items():
        (place / f"{name}.txt").write_text("".join(f"{sentence}\n" for sentence in sorted(sentences)[::3]))
