"""The PyTorch peer: reads tasks on stdin, a line each, and answers each with a line {name, ms} (see tasks.d.ts).

Run by the benchmark runner with the system's Python: pytorch.py --runs 7 --threads 2
"""

import argparse
import json
import os
import statistics
import sys
import time

import pytorch_checkpoint as checkpoint
import pytorch_elementwise as elementwise
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

WARM_UP = 3
# Short runs are repeated at least so long, as the other answerers do.
MEASURE_MS = 200


def shapes(result):
    """The shapes of what a task gave, in the runner's words; None where it gave no tensors."""
    if isinstance(result, torch.Tensor):
        return f"[{','.join(map(str, result.shape))}]"
    return " ".join(filter(None, map(shapes, result or []))) or None


def median_ms(run, runs):
    for _ in range(WARM_UP):
        run()
    times = []
    while len(times) < runs or sum(times) < MEASURE_MS:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def matmul(task):
    batch = [task["batch"]] if "batch" in task else []
    a, b = torch.randn(*batch, task["m"], task["k"]), torch.randn(*batch, task["k"], task["n"])
    return lambda: a @ b


def conv2d(task):
    size, kernel, stride, padding, groups = (task[k] for k in ("size", "kernel", "stride", "padding", "groups"))
    x = torch.randn(task["batch"], task["inChannels"], size, size)
    w = torch.randn(task["outChannels"], task["inChannels"] // groups, kernel, kernel)
    if task["pass"] == "forward":
        return lambda: F.conv2d(x, w, stride=stride, padding=padding, groups=groups)
    gradient = torch.randn_like(F.conv2d(x, w, stride=stride, padding=padding, groups=groups))
    wanted = [task["pass"] == "inputGrad", task["pass"] == "weightGrad", False]
    backward = torch.ops.aten.convolution_backward
    return lambda: backward(
        gradient, x, w, None, [stride, stride], [padding, padding], [1, 1], False, [0, 0], groups, wanted
    )


def training_step(model, optimizer, x, labels):
    def run():
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()

    return run


def network(task):
    x = torch.randn(task["batch"], 3, task["size"], task["size"])
    labels = torch.arange(task["batch"]) % 10
    model = getattr(torchvision.models, task["model"])()
    if task["pass"] == "inference":
        model.eval()
        return lambda: model(x)
    if task["pass"] == "head":
        model.requires_grad_(False)
        model.fc = nn.Linear(model.fc.in_features, 10)
    trained = [p for p in model.parameters() if p.requires_grad]
    return training_step(model, torch.optim.SGD(trained, lr=0.01, momentum=0.9), x, labels)


def small_cnn(task):
    side = (task["size"] // 2) // 2
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * side * side, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
    x = torch.randn(task["batch"], 1, task["size"], task["size"])
    labels = torch.arange(task["batch"]) % 10
    return training_step(model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9), x, labels)


BUILDERS = {"matmul": matmul, "conv2d": conv2d, "elementwise": elementwise.prepare, "network": network, "smallCnn": small_cnn}


def measure(task, runs):
    if task["op"] != "checkpoint":
        run = BUILDERS[task["op"]](task)
        return {"check": shapes(run()), "ms": median_ms(run, runs)}
    if (reason := checkpoint.cannot(task)) is not None:
        return {"cannot": reason}
    state = torch.load(task["file"]) if task["action"] == "save" else None
    run = lambda: checkpoint.perform(task, state)
    if task["process"] == "warm":
        ms = median_ms(run, runs)
    else:
        ms = statistics.median(checkpoint.in_process(task) for _ in range(runs))
    return {"ms": ms, "check": checkpoint.digest(task, run())}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    allocator = ", jemalloc" if "jemalloc" in os.environ.get("LD_PRELOAD", "") else ""
    print(json.dumps({"peer": f"PyTorch {torch.__version__}, {options.threads} threads{allocator}"}), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        learns = task.get("pass") in ("train", "head") or task["op"] == "smallCnn"
        with torch.set_grad_enabled(learns):
            print(json.dumps({"name": task["name"], **measure(task, options.runs)}), flush=True)


main()
