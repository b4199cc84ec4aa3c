#!/usr/bin/python3
"""Records what torchvision 0.14 publishes for its classifiers, and what Python's fnmatch finds, for registry.test.ts."""

import fnmatch
import gzip
import inspect
import json
import random
from pathlib import Path

from torchvision import models


def legacy(builder):
    """The entry that pretrained=True stands for; the decorator of the builder knows it."""
    seen = [builder]
    while seen:
        scope = inspect.getclosurevars(seen.pop()).nonlocals
        if "weights" in scope:
            entry = scope["weights"]["weights"][1]
            return entry and entry.name
        seen.append(scope["fn"])


def entry(weights):
    preset = weights.transforms()
    meta = weights.meta
    return {
        "name": str(weights),
        "url": weights.url,
        "preset": {
            "name": type(preset).__name__,
            "resizeSize": preset.resize_size[0],
            "cropSize": preset.crop_size[0],
            "interpolation": preset.interpolation.value,
            "mean": preset.mean,
            "std": preset.std,
        },
        "numParams": meta["num_params"],
        "minSize": meta["min_size"],
        "categories": meta["categories"] and len(meta["categories"]),
        "accuracy": [number if number == number else None for number in meta["_metrics"]["ImageNet-1K"].values()],
        "license": meta.get("license"),
    }


def registry():
    found = {}
    for name in models.list_models(models):
        enum = models.get_model_weights(name)
        assert all(e.meta["categories"] in (None, models.ResNet18_Weights.DEFAULT.meta["categories"]) for e in enum)
        found[name] = {
            "enum": enum.__name__,
            "best": enum.DEFAULT.name,
            "legacy": legacy(models.get_model_builder(name)),
            "entries": {e.name: entry(e) for e in enum},
        }
    return found


def selections(names):
    patterns = ["*", "", "resnet*", "*net*", "vit_?_16", "vgg1[13]", "vgg1[!13]*", "[a-d]*", "[!a-r]*", "RESNET*", "resnet",
                "*_v[23]_*", "*[0-9]gf", "*_bn", "swin_[stb]", "regnet_?_*[!f]", "efficientnet_b[0-35-7]", "[]x]*", "***0"]
    return [[pattern, fnmatch.filter(names, pattern)] for pattern in patterns]


def matches():
    """Random patterns against random names, as many that fit as do not."""
    draw = random.Random(4)

    def some(parts, most):
        return "".join(draw.choice(parts) for _ in range(draw.randrange(most + 1)))

    def part():
        # Not both "-" and "!" in a set: a range from high to low is empty, and Python takes a "!" behind it for a negation.
        members = some(draw.choice(["abc--^\\[&é", "abc!^\\[&é"]), 5)
        sets = [f"[{mark}{members}]" for mark in ["", "!", "]", "!]"]]
        return draw.choice(["a", "b", "-", "]", "*", "?", *sets])

    found = {True: [], False: []}
    while min(map(len, found.values())) < 1000:
        pattern = "".join(part() for _ in range(draw.randrange(1, 6))) + draw.choice(["", "", "[a"])
        name = some("abc-]!^[\\\né", 5)
        fits = fnmatch.fnmatchcase(name, pattern)
        if len(found[fits]) < 1000:
            found[fits].append([name, pattern])
    return {"fit": found[True], "differ": found[False]}


record = {
    "models": registry(),
    "categories": models.ResNet18_Weights.DEFAULT.meta["categories"],
    "selections": selections(models.list_models(models)),
    "matches": matches(),
}
text = json.dumps(record, separators=(",", ":"))
Path(__file__).with_name("torchvision.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
