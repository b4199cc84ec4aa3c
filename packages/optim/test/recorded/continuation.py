"""Runs of torch's optimizers and schedulers that are broken off after 3 steps of 8.

    python3 continuation.py make runs.pth.gz  what torch has after 3 steps, and reaches after 8
    python3 continuation.py check runs.pth    goes on with what Kindling saved, and compares with what Kindling reached
"""

import copy
import gzip
import sys
import warnings

import torch
from torch.optim import *
from torch.optim.lr_scheduler import *

warnings.simplefilter("ignore")
torch.set_num_threads(1)

OPTIMIZERS = {
    "SGD": lambda p: SGD(p, lr=0.1),
    "SGD momentum": lambda p: SGD(p, lr=0.1, momentum=0.9, dampening=0.2),
    "SGD nesterov": lambda p: SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "Adam": lambda p: Adam(p, lr=1.0, amsgrad=True),
    "AdamW": lambda p: AdamW(p, lr=0.1),
    "NAdam": lambda p: NAdam(p, lr=0.1),
    "RAdam": lambda p: RAdam(p, lr=0.1),
    "Adamax": lambda p: Adamax(p, lr=0.1),
    "RMSprop": lambda p: RMSprop(p, lr=0.1, momentum=0.5, centered=True),
    "Adagrad": lambda p: Adagrad(p, lr=0.1, initial_accumulator_value=0.1),
    "Adadelta": lambda p: Adadelta(p),
    "ASGD": lambda p: ASGD(p, lr=0.1),
}
SCHEDULERS = {
    "StepLR": lambda o: StepLR(o, 3),
    "MultiStepLR": lambda o: MultiStepLR(o, [2, 7, 7]),
    "LambdaLR": lambda o: LambdaLR(o, lambda epoch: 0.95**epoch),
    "ConstantLR": lambda o: ConstantLR(o),
    "LinearLR": lambda o: LinearLR(o),
    "ExponentialLR": lambda o: ExponentialLR(o, 0.9),
    "PolynomialLR": lambda o: PolynomialLR(o, 9, 2),
    "CosineAnnealingLR": lambda o: CosineAnnealingLR(o, 4, 0.01),
    "CosineAnnealingWarmRestarts": lambda o: CosineAnnealingWarmRestarts(o, 2, 2),
    "OneCycleLR": lambda o: OneCycleLR(o, 1.0, 20),
    "CyclicLR": lambda o: CyclicLR(o, 0.1, 1.0, 3, mode="triangular2"),
    "SequentialLR": lambda o: SequentialLR(o, [LinearLR(o, total_iters=3), CosineAnnealingLR(o, 6)], [3]),
    "ChainedScheduler": lambda o: ChainedScheduler([LinearLR(o), ExponentialLR(o, 0.9)]),
}
RUNS = [(o, None) for o in OPTIMIZERS] + [("SGD momentum", s) for s in SCHEDULERS] + [("Adam", "OneCycleLR")]

START = [[1.0, -2.0], [0.5]]


def begin(optimizer, scheduler, values):
    params = [torch.nn.Parameter(torch.as_tensor(v).clone()) for v in values]
    made = OPTIMIZERS[optimizer](params)
    return params, made, SCHEDULERS[scheduler](made) if scheduler else None


def train(params, optimizer, scheduler, steps):
    """The second parameter has no gradient before step 5."""
    for step in steps:
        optimizer.zero_grad(set_to_none=True)
        loss = ((params[0] - 0.3) ** 2).sum()
        if step >= 5:
            loss = loss + ((params[1] - 0.3) ** 2).sum()
        loss.backward()
        optimizer.step()
        if scheduler:
            scheduler.step()


def data(params):
    return [p.detach().clone() for p in params]


def state_of(scheduler):
    """What of a scheduler's state is data: two of torch 1.13 keep functions in it."""
    if scheduler is None:
        return None
    return {k: v for k, v in scheduler.state_dict().items() if k not in ("anneal_func", "_scale_fn_ref")}


def make(path):
    runs = []
    for optimizer, scheduler in RUNS:
        run = begin(optimizer, scheduler, START)
        train(*run, range(0, 3))
        saved = {
            "optimizer": optimizer,
            "scheduler": scheduler,
            "params": data(run[0]),
            "optimizer_state": copy.deepcopy(run[1].state_dict()),
            "scheduler_state": copy.deepcopy(state_of(run[2])),
        }
        train(*run, range(3, 8))
        runs.append({**saved, "reached": data(run[0]), "lr": run[1].param_groups[0]["lr"]})
    with gzip.GzipFile(path, "wb", mtime=0) as file:
        torch.save(runs, file)


def check(path):
    # Without weights_only: torch 1.13's refuses the pickle's floats, which every learning rate is.
    for saved in torch.load(path):
        name = f"{saved['optimizer']}, {saved['scheduler']}"
        params, optimizer, scheduler = begin(saved["optimizer"], saved["scheduler"], saved["params"])
        expected = set(optimizer.state_dict()["param_groups"][0])
        given = set(saved["optimizer_state"]["param_groups"][0])
        assert expected <= given, f"{name}: the groups lack {expected - given}"
        optimizer.load_state_dict(saved["optimizer_state"])
        if scheduler:
            scheduler.load_state_dict(saved["scheduler_state"])
        train(params, optimizer, scheduler, range(3, 8))
        for p, reached in zip(params, saved["reached"]):
            assert torch.allclose(p.detach(), reached, rtol=0, atol=1e-6), f"{name}: {p} instead of {reached}"
        assert abs(optimizer.param_groups[0]["lr"] - saved["lr"]) < 1e-9, f"{name}: another rate"


{"make": make, "check": check}[sys.argv[1]](sys.argv[2])
