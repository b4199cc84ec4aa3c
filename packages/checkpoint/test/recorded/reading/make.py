"""
Files of real torch (1.13), of pickles that newer and older versions write, and of zip archives that other programs make:
what each must load to, or why it must be refused. Run in an empty folder with Debian's python3-torch:

    /usr/bin/python3 make.py FOLDER

writes the files and expected.json.gz (`value` as describe.py has it, or `kind` and the words that the error must contain).
"""

import argparse
import collections
import datetime
import gzip
import json
import os
import pathlib
import sys
import types

import numpy
import torch

from archives import write_archives
from describe import describe
from objects import write_refusals
from versions import write_versions

torch.set_num_threads(1)
torch.manual_seed(0)


#: What torch 1.13 cannot read itself: calls of newer versions, other devices, folders and byte orders; and bare storages,
#: which are tensors to us.
BEYOND_TORCH = ("bits.", "newer_dtypes.", "untyped.", "devices.", "numpy2.", "archive.no_root.", "archive.nested.", "archive.big_endian.", "storages.")


class Recorder:
    def __init__(self, folder):
        self.folder = folder
        self.files = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def loads(self, name, value):
        """The file of this name loads to the value."""
        described = describe(value)
        self.files.append({"file": name, "value": described})
        if not name.startswith(BEYOND_TORCH):
            assert describe(torch.load(self.path(name), map_location="cpu")) == described, name

    def refused(self, name, kind, *words):
        """The file of this name is refused with an error that contains the words."""
        self.files.append({"file": name, "kind": kind, "words": words})

    def save(self, name, value, expected=None, protocol=2, legacy=False):
        torch.save(value, self.path(name), pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
        self.loads(name, value if expected is None else expected)

    def close(self):
        text = json.dumps(self.files, separators=(",", ":"))
        with open(self.path("expected.json.gz"), "wb") as file:
            file.write(gzip.compress(text.encode(), mtime=0))


def python_values():
    shared = [1, 2]
    ordered = collections.OrderedDict([("b", 1), ("a", 2)])
    return {
        "none": None, "true": True, "zero": 0, "minus": -1, "byte": 255, "word": 65535, "int": -(2**31), "safe": 2**53 - 1,
        "long": 2**53, "longer": -(2**63), "longest": 3**200, "float": 0.1, "negative zero": -0.0, "inf": float("-inf"),
        "nan": float("nan"), "text": "Zürich 雪 😀", "empty": "", "surrogate": "a\ud800", "raw": "a\\u0041\nb\\", "bytes": bytes(range(256)),
        "no bytes": b"", "bytearray": bytearray(b"\0\xff"), "list": [], "nested": [[[]], [1, [2]]], "tuple": (), "pair": (1, "a"),
        "triple": (1, (2, (3,)), 4), "five": (1, 2, 3, 4, 5), "set": {1, 2, 3}, "frozenset": frozenset([("a", 1)]), "complex": 1 - 2.5j,
        "shared": [shared, shared], "ordered": ordered, 7: "int key", (1, 2): "tuple key", None: "none key", "long text": "x" * 300,
    }


def long_containers():
    """Python pickles containers in batches of 1000, and names what is in the memo by one byte or four."""
    return {"lists": [[i] for i in range(300)], "dict": {i: None for i in range(1001)}, "frames": ["x" * 40000, "y" * 30000]}


def containers():
    default = collections.defaultdict(list, {"a": [1]})
    metadata = collections.OrderedDict([("weight", torch.ones(2))])
    metadata._metadata = collections.OrderedDict([("", {"version": 1}), ("bn", {"version": 2})])
    return {
        "default": default, "nested default": collections.defaultdict(dict, {1: default}), "counter": collections.Counter("abca"),
        "deque": collections.deque([1, 2], maxlen=5), "state dict": metadata, "size": torch.Size([2, 3]), "no size": torch.Size([]),
        "device": torch.device("cuda", 1), "cpu": torch.device("cpu"), "meta": torch.device("meta"), "dtype": torch.bfloat16,
        "quantized dtype": torch.qint8, "args": argparse.Namespace(lr=0.1, nested=argparse.Namespace(path=pathlib.PurePosixPath("/a/b"))),
        "simple": types.SimpleNamespace(a=1, b=[2]), "tensor inside": argparse.Namespace(mean=torch.ones(3)), "set of tensors": {torch.zeros(2)}, "empty args": argparse.Namespace(), "path": pathlib.PosixPath("runs", "exp 1"),
        "dot": pathlib.PosixPath("."), "windows": pathlib.PureWindowsPath("C:\\data\\set"), "relative": pathlib.PureWindowsPath("a/b"),
    }


def dates():
    utc, india = datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=5, minutes=30), "IST")
    west = datetime.timezone(-datetime.timedelta(hours=3, minutes=30, seconds=15))
    moments = [
        datetime.datetime(2024, 2, 29, 23, 59, 58, 123456), datetime.datetime(1, 1, 1), datetime.datetime(2024, 5, 1, 12, 0, tzinfo=utc),
        datetime.datetime(2024, 10, 27, 2, 30, tzinfo=india), datetime.datetime(9999, 12, 31, 23, 59, 59, 7, tzinfo=west),
        datetime.datetime(2024, 10, 27, 2, 30, fold=1), datetime.date(2024, 5, 1), datetime.time(1, 2, 3, 40, fold=1), datetime.time(5, tzinfo=utc),
    ]
    spans = [datetime.timedelta(days=-2, seconds=5, microseconds=250000), datetime.timedelta(days=400)]
    return moments + spans


def numpy_values():
    grid = numpy.arange(6, dtype="i2").reshape(2, 3)
    return {
        "f8": numpy.float64(1.5), "f4": numpy.float32(0.1), "f2": numpy.float16(0.5), "i8": numpy.int64(-(2**62)), "u1": numpy.uint8(200),
        "bool": numpy.bool_(True), "c8": numpy.complex64(1 - 2j), "c16": numpy.complex128(3.5j), "str": numpy.str_("Zürich 😀"),
        "bytes": numpy.bytes_(b"a\0b"), "C": grid, "F": numpy.asfortranarray(grid), "big": grid.astype(">i2"), "0-d": numpy.array(2.5),
        "empty": numpy.zeros((0, 3), "f4"), "bools": numpy.array([True, False]), "complex": numpy.array([1 + 2j, 3 - 4j]),
        "big complex": numpy.array([1 + 2j], ">c8"), "transposed": grid.T, "strided": grid[:, ::2], "big F": numpy.asfortranarray(grid.astype(">i2")),
        "3-d": numpy.asfortranarray(numpy.arange(24, dtype="f4").reshape(2, 3, 4)), "read-only": numpy.frombuffer(b"\1\2\3", "u1"),
        "random": numpy.random.RandomState(0).get_state()[2:],
    }


def every_dtype():
    numbers = torch.tensor([[0.0, -1.5, 2.25], [float("inf"), -0.0, 1e-7]])
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
    integers = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool]
    made = {str(kind): numbers.to(kind) for kind in kinds}
    made.update({str(kind): torch.tensor([[0, 1, 2], [100, 5, 6]]).to(kind) for kind in integers})
    made.update({str(kind): torch.complex(numbers, numbers.flip(1)).to(kind) for kind in (torch.complex64, torch.complex128)})
    made["int64 extremes"] = torch.tensor([2**63 - 1, -(2**63)])
    made["nan bits"] = torch.tensor([0x7FC12345, -0x3EDCBB, 0x7F800001], dtype=torch.int32).view(torch.float32)
    return made


def views():
    base = torch.arange(24, dtype=torch.float64).reshape(4, 6)
    pairs = torch.complex(base[:2].float(), base[2:].float())
    return {
        "base": base, "transposed": base.t(), "offset": base[1:3, ::2], "column": base[:, 3], "expanded": base[2].expand(3, 6),
        "scalar": base[3, 5], "scalar expanded": base[0, 1].expand(2, 2), "permuted": base.reshape(2, 2, 6).permute(2, 0, 1), "empty": base[4:],
        "empty middle": base.new_empty(2, 0, 3), "overlapping": base.view(-1).as_strided((3, 3), (1, 1), 2), "size one": base.as_strided((1, 2), (99, 6), 1),
        "complex": pairs.t(), "real": torch.view_as_real(pairs.clone())[..., 1], "half": base.half()[:, 1::2].t(), "bytes": base.byte()[::2].t(),
    }


def random_views():
    """Every way to lay sizes and strides over a storage, overlaps and gaps among them."""
    random = numpy.random.RandomState(5)
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int8, torch.complex64, torch.complex128, torch.bool]
    bases = [torch.arange(-30.0, 30.0).to(kind) for kind in kinds]
    made = []
    for _ in range(60):
        base = bases[random.randint(len(bases))]
        shape = [int(random.choice([0, 1, 1, 2, 2, 3, 4])) for _ in range(random.randint(5))]
        strides = [int(random.randint(9)) for _ in shape]
        reach = sum((size - 1) * stride for size, stride in zip(shape, strides) if size > 0)
        if reach < len(base):
            made.append(base.as_strided(shape, strides, int(random.randint(len(base) - reach))))
    return made


def parameters():
    parameter = torch.nn.Parameter(torch.arange(4.0).reshape(2, 2))
    with_attribute = torch.arange(3.0)
    with_attribute.note = "kept by torch, left out here"
    return {
        "parameter": parameter, "frozen": torch.nn.Parameter(torch.ones(2), requires_grad=False), "data": parameter.data,
        "leaf": torch.ones(2, requires_grad=True), "attribute": with_attribute, "tied": parameter,
    }


def network():
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))


OPTIMIZERS = {
    "ASGD": {}, "Adadelta": {}, "Adagrad": {}, "Adam": {"amsgrad": True}, "AdamW": {}, "Adamax": {}, "NAdam": {}, "RAdam": {},
    "RMSprop": {"momentum": 0.9, "centered": True}, "Rprop": {}, "SGD": {"momentum": 0.9, "nesterov": True}, "LBFGS": {"history_size": 3},
}


def optimizer_states():
    states = {}
    for name, options in OPTIMIZERS.items():
        model = network()
        optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01, **options)

        def closure():
            optimizer.zero_grad()
            loss = model(torch.eye(2)).square().sum()
            loss.backward()
            return loss

        for _ in range(2):
            optimizer.step(closure)
        states[name] = optimizer.state_dict()
    embedding = torch.nn.Embedding(4, 2, sparse=True)
    sparse = torch.optim.SparseAdam(list(embedding.parameters()), lr=0.01)
    embedding(torch.tensor([1, 2])).sum().backward()
    sparse.step()
    states["SparseAdam"] = sparse.state_dict()
    groups = torch.optim.SGD([{"params": network().parameters(), "lr": 0.1}, {"params": network().parameters()}], lr=0.2)
    states["two groups"] = groups.state_dict()
    return states


class Warmup:
    """A learning rate as an object: LambdaLR saves its attributes."""

    def __init__(self):
        self.steps = 5

    def __call__(self, epoch):
        return min(1.0, epoch / self.steps)


def scheduler_states():
    lr = torch.optim.lr_scheduler
    sgd = lambda: torch.optim.SGD(network().parameters(), lr=0.1, momentum=0.9)
    one = sgd()
    schedulers = {
        "LambdaLR": lr.LambdaLR(sgd(), Warmup()), "lambda": lr.LambdaLR(sgd(), lambda epoch: 0.9**epoch),
        "MultiplicativeLR": lr.MultiplicativeLR(sgd(), lambda epoch: 0.9), "StepLR": lr.StepLR(sgd(), 2), "MultiStepLR": lr.MultiStepLR(sgd(), [2, 4, 4]),
        "ConstantLR": lr.ConstantLR(sgd()), "LinearLR": lr.LinearLR(sgd()), "ExponentialLR": lr.ExponentialLR(sgd(), 0.9),
        "PolynomialLR": lr.PolynomialLR(sgd()), "CosineAnnealingLR": lr.CosineAnnealingLR(sgd(), 10), "ReduceLROnPlateau": lr.ReduceLROnPlateau(sgd()),
        "CosineAnnealingWarmRestarts": lr.CosineAnnealingWarmRestarts(sgd(), 3),
        "ChainedScheduler": lr.ChainedScheduler([lr.ConstantLR(one), lr.ExponentialLR(one, 0.9)]),
        "SequentialLR": lr.SequentialLR(one, [lr.ConstantLR(one), lr.ExponentialLR(one, 0.9)], [2]),
    }
    scaler = torch.cuda.amp.GradScaler(enabled=False)
    return {**{name: scheduler.state_dict() for name, scheduler in schedulers.items()}, "GradScaler": scaler.state_dict()}


def checkpoint():
    """What a training script keeps, down to the states of its random numbers."""
    model = network()
    return {
        "epoch": 12, "arch": "resnet18", "state_dict": model.state_dict(), "best_acc1": numpy.float64(71.25), "args": argparse.Namespace(lr=0.1, wd=None),
        "rng": torch.get_rng_state()[:16].clone(), "generator": torch.Generator().manual_seed(1).get_state()[:16].clone(),
        "history": [{"loss": 0.5, "acc": torch.tensor(0.25)}], "classes": ("cat", "dog"), "ema": {"decay": 0.999, "shadow": model.state_dict()},
    }


def write_values(recorder):
    for protocol in (2, 3, 4, 5):
        recorder.save(f"python.{protocol}.zip.pth", python_values(), protocol=protocol)
        recorder.save(f"containers.{protocol}.zip.pth", containers(), protocol=protocol)
    for protocol in (0, 1, 2, 4, 5):
        recorder.save(f"python.{protocol}.legacy.pth", python_values(), protocol=protocol, legacy=True)
    recorder.save("containers.1.legacy.pth", containers(), protocol=1, legacy=True)
    recorder.save("containers.5.legacy.pth", containers(), protocol=5, legacy=True)
    for protocol in (1, 2, 5):
        recorder.save(f"dates.{protocol}.zip.pth", dates(), protocol=protocol)
    for protocol in (2, 4, 5):
        recorder.save(f"numpy.{protocol}.zip.pth", numpy_values(), protocol=protocol)
    recorder.save("numpy.1.legacy.pth", numpy_values(), protocol=1, legacy=True)
    for name, make in {"dtypes": every_dtype, "views": views, "random_views": random_views, "parameters": parameters, "checkpoint": checkpoint}.items():
        recorder.save(f"{name}.zip.pth", make())
        recorder.save(f"{name}.5.zip.pth", make(), protocol=5)
        recorder.save(f"{name}.legacy.pth", make(), legacy=True)
    recorder.save("optimizers.zip.pth", optimizer_states())
    recorder.save("schedulers.zip.pth", scheduler_states())
    for protocol in (1, 4):
        recorder.save(f"long.{protocol}.zip.pth", long_containers(), protocol=protocol)
    recorder.save("bare.legacy.pth", torch.arange(3), legacy=True)
    recorder.save("storages.zip.pth", [torch.arange(3).storage(), torch.ones(2).storage().untyped()], [torch.arange(3), torch.ones(2).view(torch.uint8)])


if __name__ == "__main__":
    recorder = Recorder(sys.argv[1])
    write_values(recorder)
    write_versions(recorder)
    write_archives(recorder)
    write_refusals(recorder)
    recorder.close()
