"""Files that hold more than data: each is refused by the name of what it holds, with what to do instead."""

import collections
import enum
import fractions
import functools
import io
import os
import pickle
import tarfile
import zipfile

import numpy
import torch


class MyNetwork(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(x)


class MyConfig:
    depth = 3


class MyDict(dict):
    pass


class MyTensor(torch.Tensor):
    pass


class Mode(enum.Enum):
    train = 1


Point = collections.namedtuple("Point", "x y")
STATE_DICT = "model.state_dict()"


def schedulers():
    optimizer = torch.optim.SGD(torch.nn.Linear(2, 2).parameters(), lr=0.1, momentum=0.9)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10), torch.optim.swa_utils.SWALR(optimizer, 0.1)


def sparse_csr():
    return torch.eye(3).to_sparse_csr()


def write_objects(recorder):
    optimizer, one_cycle, swa = schedulers()
    quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    per_channel = torch.quantize_per_channel(torch.ones(2, 2), torch.tensor([0.1, 0.2]), torch.tensor([0, 0]), 0, torch.quint8)
    dynamic = torch.ao.quantization.quantize_dynamic(torch.nn.Sequential(torch.nn.Linear(2, 2)), {torch.nn.Linear})
    cases = {
        "sparse_coo": (torch.eye(3).to_sparse(), "torch._utils._rebuild_sparse_tensor", "to_dense()"),
        "sparse_csr": (sparse_csr(), "torch._utils._rebuild_sparse_csr_tensor", "to_dense()"),
        "quantized": (quantized, "torch._utils._rebuild_qtensor", "dequantize()"),
        "per_channel": ({"w": per_channel}, "torch._utils._rebuild_qtensor", "dequantize()"),
        "quantized_state": (dynamic.state_dict(), "torch._utils._rebuild_qtensor", "dequantize()"),
        "meta": (torch.ones(2, device="meta"), "torch._utils._rebuild_meta_tensor_no_storage", "without data"),
        "layout": (torch.strided, "torch.serialization._get_layout"),
        "module": (torch.nn.Sequential(torch.nn.Linear(2, 2)), "torch.nn.modules.container.Sequential", STATE_DICT),
        "own_module": ({"epoch": 1, "model": MyNetwork()}, "objects.MyNetwork", STATE_DICT),
        "config": ({"config": MyConfig()}, "objects.MyConfig", STATE_DICT),
        "dict_subclass": (MyDict(a=1), "objects.MyDict"),
        "tensor_subclass": (torch.ones(2).as_subclass(MyTensor), "objects.MyTensor"),
        "optimizer": (optimizer, "torch.optim.sgd.SGD", STATE_DICT),
        "one_cycle": (one_cycle.state_dict(), "__builtin__.getattr", "OneCycleLR", "anneal_func"),
        "swa": (swa.state_dict(), "__builtin__.getattr", "SWALR", "anneal_func"),
        "enum": ({"mode": Mode.train}, "__builtin__.getattr", "Enum"),
        "namedtuple": (Point(1, 2), "objects.Point"),
        "function": ({"init": torch.nn.init.zeros_}, "torch.nn.init.zeros_"),
        "partial": (functools.partial(max, 1), "functools.partial"),
        "range": ({"steps": range(3)}, "__builtin__.xrange"),
        "fraction": (fractions.Fraction(1, 3), "fractions.Fraction"),
        "masked": (numpy.ma.array([1, 2], mask=[0, 1]), "numpy.ma", "numpy.asarray"),
        "matrix": (numpy.matrix([[1]]), "numpy.matrix", "numpy.asarray"),
        "random_state": (numpy.random.RandomState(0), "numpy.random._pickle"),
        "uninitialized": (torch.nn.parameter.UninitializedParameter, "torch.nn.parameter.UninitializedParameter", "without data"),
    }
    for name, (value, *words) in cases.items():
        torch.save(value, recorder.path(f"refused.{name}.pth"))
        recorder.refused(f"refused.{name}.pth", "forbidden-global", *words)
    torch.save(MyNetwork(), recorder.path("refused.own_module.legacy.pth"), _use_new_zipfile_serialization=False)
    recorder.refused("refused.own_module.legacy.pth", "forbidden-global", "objects.MyNetwork", STATE_DICT)
    for name, value, word in (
        ("class_value", {"type": collections.OrderedDict}, "collections.OrderedDict"),
        ("numpy_dtype_value", {"dtype": numpy.dtype("f4")}, "numpy.dtype"),
        ("object_array", numpy.array([1, "a", None], dtype=object), '"O8"'),
        ("text_array", numpy.array(["a", "bc"]), "tolist()"),
        ("datetime64", numpy.datetime64("2024-05-01"), '"M8"'),
        ("record_array", numpy.zeros(1, dtype=[("a", "f4")]), '"V4"'),
        ("long_double", numpy.longdouble(1), '"f16"'),
    ):
        torch.save(value, recorder.path(f"refused.{name}.pth"))
        recorder.refused(f"refused.{name}.pth", "unsupported", word)


def write_programs(recorder):
    model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    scripted = "torch.jit.load(path).state_dict()"
    torch.jit.save(torch.jit.script(model), recorder.path("refused.script.pth"))
    torch.jit.save(torch.jit.trace(model, torch.ones(1, 2)), recorder.path("refused.trace.pth"))
    with zipfile.ZipFile(recorder.path("refused.script.pth")) as archive, zipfile.ZipFile(recorder.path("refused.code_only.pth"), "w") as bare:
        for name in archive.namelist():
            if "constants.pkl" not in name:
                bare.writestr(name, archive.read(name))
    for name in ("script", "trace", "code_only"):
        recorder.refused(f"refused.{name}.pth", "torchscript", scripted)
    with torch.package.PackageExporter(recorder.path("refused.package.pth")) as exporter:
        exporter.extern("**")
        exporter.save_pickle("model", "model.pkl", model)
    recorder.refused("refused.package.pth", "unsupported", "torch.package", "state_dict()")
    torch.onnx.export(model, torch.ones(1, 2), recorder.path("refused.onnx.pth"))
    recorder.refused("refused.onnx.pth", "not-a-checkpoint", "ONNX", "state_dict()")


def write_other_zips(recorder):
    for name, members, kind, word in (
        ("export", ["model/archive_format", "model/models/model.json"], "unsupported", "torch.export.load(path).state_dict"),
        ("zipped", ["weights/resnet18.pth"], "not-a-checkpoint", "unpack it first"),
        ("document", ["mimetype"], "not-a-checkpoint", "data.pkl"),
        ("two_pickles", ["a/data.pkl", "a/b/data.pkl"], "zip", "2 data.pkl"),
    ):
        with zipfile.ZipFile(recorder.path(f"refused.{name}.pth"), "w") as archive:
            for member in members:
                archive.writestr(zipfile.ZipInfo(member), b"")
        recorder.refused(f"refused.{name}.pth", kind, word)


def write_tar(path, mode="w", **options):
    """The container of torch before 0.1.10: a tar of four members."""
    with tarfile.open(path, mode, **options) as tar:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            data = pickle.dumps({"protocol_version": 1000}) if name == "sys_info" else pickle.dumps(0)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def write_containers(recorder):
    for name, options in {"pax": {"format": tarfile.PAX_FORMAT}, "gnu": {"format": tarfile.GNU_FORMAT}, "v7": {"format": tarfile.USTAR_FORMAT}}.items():
        write_tar(recorder.path(f"refused.tar.{name}.pth"), **options)
        recorder.refused(f"refused.tar.{name}.pth", "unsupported", "0.1", "torch.save(torch.load(path, weights_only=False), other_path)")
    with tarfile.open(recorder.path("refused.tar.other.pth"), "w") as tar:
        tar.addfile(tarfile.TarInfo("weights.pth"), io.BytesIO(b""))
    recorder.refused("refused.tar.other.pth", "not-a-checkpoint", "unpack")
    with open(recorder.path("refused.plain_pickle.pth"), "wb") as file:
        pickle.dump({"weight": [1.0, 2.0]}, file, protocol=2)
    recorder.refused("refused.plain_pickle.pth", "not-a-checkpoint", "torch.save")
    with open(recorder.path("refused.pickled_tensor.pth"), "wb") as file:
        pickle.dump(torch.ones(2), file, protocol=4)
    recorder.refused("refused.pickled_tensor.pth", "forbidden-global", "torch.storage._load_from_bytes", "torch.save")
    numpy.save(recorder.path("refused.npy.npy"), numpy.ones(2))
    os.rename(recorder.path("refused.npy.npy"), recorder.path("refused.npy.pth"))
    recorder.refused("refused.npy.pth", "not-a-checkpoint", "numpy")
    numpy.savez(recorder.path("refused.npz.npz"), weight=numpy.ones(2))
    os.rename(recorder.path("refused.npz.npz"), recorder.path("refused.npz.pth"))
    recorder.refused("refused.npz.pth", "not-a-checkpoint", "data.pkl")


def write_refusals(recorder):
    write_objects(recorder)
    write_programs(recorder)
    write_other_zips(recorder)
    write_containers(recorder)
