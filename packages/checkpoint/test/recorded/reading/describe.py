"""Describes Python values in the words of test/described.ts, so that what torch saved can be compared with what we load."""

import argparse
import collections
import datetime
import pathlib
import types
import zlib

import numpy
import torch

DTYPES = {
    torch.float64: "f64", torch.float32: "f32", torch.float16: "f16", torch.bfloat16: "bf16",
    torch.int64: "i64", torch.int32: "i32", torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8",
    torch.bool: "bool", torch.complex64: "c64", torch.complex128: "complex128", torch.complex32: "complex32",
}


def describe(value):
    if isinstance(value, numpy.generic):
        return describe(value.item())
    if isinstance(value, numpy.ndarray):
        return describe(torch.from_numpy(value.astype(value.dtype.newbyteorder("=")).copy()))
    if torch.is_tensor(value):
        return describe_tensor(value)
    if isinstance(value, torch.Size):
        return {"t": "size", "v": list(value)}
    if isinstance(value, dict):
        return describe_dict(value)
    for kind, name in ((list, "list"), (collections.deque, "list"), (tuple, "tuple"), (set, "set"), (frozenset, "frozenset")):
        if isinstance(value, kind):
            return {"t": name, "v": [describe(item) for item in value]}
    if isinstance(value, (bytes, bytearray)):
        return {"t": "bytes", "hex": value.hex()}
    if isinstance(value, torch.dtype):
        return {"t": "torch.dtype", "v": str(value)}
    if isinstance(value, torch.device):
        return {"t": "torch.device", "v": str(value)}
    if isinstance(value, complex):
        return {"t": "complex", "v": [value.real, value.imag]}
    if isinstance(value, (argparse.Namespace, types.SimpleNamespace)):
        return {**describe_dict(vars(value)), "t": f"{type(value).__module__}.{type(value).__name__}"}
    if isinstance(value, (str, pathlib.PurePath)):
        return {"t": "str", "v": str(value)}
    if isinstance(value, (datetime.date, datetime.time)):
        return {"t": "str", "v": value.isoformat()}
    if isinstance(value, datetime.timedelta):
        return describe_float(value.total_seconds())
    if value is None or isinstance(value, bool):
        return {"t": "const", "v": value}
    if isinstance(value, int):
        return {"t": "int", "v": value if abs(value) < 2**53 else str(value)}
    if isinstance(value, float):
        return describe_float(value)
    raise TypeError(type(value))


def describe_float(value):
    """A number without a fraction is an int in JavaScript's eyes; only -0 is not."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"t": "float", "v": str(value)}
    if value == int(value) and str(value) != "-0.0":
        return {"t": "int", "v": int(value) if abs(value) < 2**53 else value}
    return {"t": "float", "v": value}


def describe_tensor(tensor):
    values = tensor.detach().resolve_conj().resolve_neg().clone(memory_format=torch.contiguous_format).reshape(-1)
    data = bytes(values.view(torch.uint8).numpy()) if values.numel() else b""
    described = {"t": "tensor", "dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "crc32": zlib.crc32(data)}
    return {**described, "requires_grad": True} if tensor.requires_grad else described


def describe_dict(value):
    described = {
        "t": "ordereddict" if isinstance(value, collections.OrderedDict) else "dict",
        "items": [[describe(key), describe(item)] for key, item in value.items()],
    }
    metadata = getattr(value, "_metadata", None)
    if metadata is not None:
        described["metadata"] = [[name, [list(fact) for fact in facts.items()]] for name, facts in metadata.items()]
    return described
