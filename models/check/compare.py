"""Prints what two runs of `fieldtune eval --protocol bench --json` found, side by side, as Markdown.

    python models/check/compare.py before.json after.json [before.json after.json ...] [--parts shots,bursts]

A table a part: a line for every set and row, in each cell "before > after" in %; one run alone gives its values. Rows of
single classes are left out. The set is called by the file's name, without what both names begin with.
"""

import argparse
import json
import pathlib

LABELS = ("class", "samples")

# The columns that matter, in the order they are shown; others are in the JSON.
COLUMNS = {
    "shots": ["true", "told", "bias", "error", "cover", "width", "ece", "rejected"],
    "bursts": ["true", "told", "error", "cover", "rejected", "right", "again_rejected"],
    "imbalance": ["rare", "common", "true", "told", "rejected"],
    "labels": ["reported", "precision", "recall", "true", "forgotten", "relabelled", "mended"],
    "advice": ["area", "begin", "half", "end"],
    "unknown": ["auroc", "rejected", "caught"],
    "good": ["auroc", "rejected", "caught"],
    "shift": ["true", "change", "rejected", "right", "ece"],
}


# The order of the columns that say what a row is of.
ORDER = ["shots", "parts", "frames", "counts", "planted", "shown", "shift", "head", "classes"]


def labels(row):
    return {
        name: value
        for name, value in row.items()
        if name not in LABELS and value is not None and not isinstance(value, dict)
    }


def overall(part):
    return [row for row in part["rows"] if row.get("class", "all") == "all"]


def mean(row, column):
    value = row.get(column) if row else None
    return None if value is None else 100 * value["mean"]


def cell(values):
    texts = ["-" if value is None else f"{value:.1f}" for value in values]
    return " > ".join(texts) if len(set(texts)) > 1 else texts[0]


def set_name(paths):
    names = [pathlib.Path(path).stem for path in paths]
    return names[0].split("-", 1)[-1]


def table(name, runs):
    """runs: (set, [report, ...])"""
    found = [(title, [report["parts"][name] for report in reports if name in report["parts"]]) for title, reports in runs]
    found = [(title, parts) for title, parts in found if parts and any(overall(part) for part in parts)]
    if not found:
        return
    keys = {key for _, parts in found for part in parts for row in overall(part) for key in labels(row)}
    keys = sorted(keys, key=lambda key: (ORDER.index(key) if key in ORDER else len(ORDER), key))
    rows = [row for _, parts in found for part in parts for row in overall(part)]
    columns = [column for column in COLUMNS.get(name, []) if any(mean(row, column) is not None for row in rows)]
    print(f"### {name}: {found[0][1][0]['about']}\n")
    print("| set | " + " | ".join(keys + columns) + " |")
    print("| --- " * (1 + len(keys)) + "| ---: " * len(columns) + "|")
    for title, parts in found:
        # By their labels; the number of classes that take part is none.
        order = {}
        for place, part in enumerate(parts):
            for row in overall(part):
                order.setdefault(tuple(sorted(labels(row).items())), [None] * len(parts))[place] = row
        for both in order.values():
            known = labels(next(row for row in both if row))
            cells = [known.get(key, "") for key in keys]
            cells += [cell([mean(row, column) for row in both]) for column in columns]
            print(f"| {title} | " + " | ".join(cells) + " |")
    print()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reports", nargs="+")
    parser.add_argument("--parts", help="by commas")
    parser.add_argument("--single", action="store_true", help="every file is a set of its own")
    arguments = parser.parse_args()
    step = 1 if arguments.single else 2
    if len(arguments.reports) % step:
        parser.error("wanted pairs of files, or --single")
    groups = [arguments.reports[at : at + step] for at in range(0, len(arguments.reports), step)]
    runs = [(set_name(paths), [json.loads(pathlib.Path(path).read_text()) for path in paths]) for paths in groups]
    names = list(dict.fromkeys(name for _, reports in runs for report in reports for name in report["parts"]))
    for name in COLUMNS:
        if name in names and (not arguments.parts or name in arguments.parts.split(",")):
            table(name, runs)


if __name__ == "__main__":
    main()
