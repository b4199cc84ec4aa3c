"""Pickles that other versions of torch, numpy and Python write: their calls are put into files by torch 1.13's pickler."""

import collections
import io
import pickle
import zipfile

import numpy
import torch


class Call:
    """Pickled as the call of a function by its name, which need not exist here."""

    def __init__(self, name, *args, state=None, new=False):
        self.name, self.args, self.state, self.new = name, args, state, new


class Name:
    def __init__(self, name):
        self.name = name


class Storage:
    def __init__(self, kind, key, location, length, view=()):
        self.id = ("storage", Name(kind), key, location, length, *view)


class CallPickler(pickle._Pickler):
    """Python's own pickler, in Python, which is asked to write calls and names that it cannot import."""

    #: Legacy files name a view with each storage, or None.
    legacy = False

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Name):
            module, name = obj.name.rsplit(".", 1)
            if self.proto >= 4:
                self.save(module), self.save(name), self.write(pickle.STACK_GLOBAL)
            else:
                self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        elif isinstance(obj, Call) and id(obj) in self.memo:
            self.write(self.get(self.memo[id(obj)][0]))
        elif isinstance(obj, Call):
            self.save(Name(obj.name))
            self.save(obj.args)
            self.write(pickle.NEWOBJ if obj.new else pickle.REDUCE)
            self.memoize(obj)
            if obj.state is not None:
                self.save(obj.state)
                self.write(pickle.BUILD)
        elif isinstance(obj, Storage):
            self.save(obj.id + (None,) if self.legacy and len(obj.id) == 5 else obj.id)
            self.write(pickle.BINPERSID)
        else:
            super().save(obj, save_persistent_id)


def dumps(value, protocol=2, legacy=False):
    buffer = io.BytesIO()
    pickler = CallPickler(buffer, protocol)
    pickler.legacy = legacy
    pickler.dump(value)
    return buffer.getvalue()


def raw(tensor):
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""


def write_zip(path, value, storages, extra=(), root="archive", protocol=2):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{root}/data.pkl", dumps(value, protocol))
        for key, data in storages.items():
            archive.writestr(f"{root}/data/{key}", data)
        for name, data in {"version": b"3\n", **dict(extra)}.items():
            archive.writestr(f"{root}/{name}", data)


def write_legacy(path, value, storages, protocol=2):
    """`storages`: key, element count and bytes of each."""
    with open(path, "wb") as file:
        for head in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}):
            pickle.dump(head, file, protocol=2)
        file.write(dumps(value, protocol, legacy=True))
        pickle.dump([key for key, _, _ in storages], file, protocol=2)
        for _, count, data in storages:
            file.write(count.to_bytes(8, "little") + data)


EMPTY = collections.OrderedDict()
FLOATS = torch.tensor([1.0, -2.0, 3.5, -0.0, 5.0, 6.0])
COMPLEX = torch.complex(torch.tensor([1.0, -2.0, 0.0]), torch.tensor([4.0, -5.0, 6.0]))
WORDS = torch.tensor([1, -2, 3], dtype=torch.int16)
#: Versions of numpy's modules have moved; this is where numpy 2 has them.
MOVED = {b"numpy.core.multiarray": b"numpy._core.multiarray", b"numpy.core.numeric": b"numpy._core.numeric"}


def floats(key="0", location="cpu", length=6):
    return Storage("torch.FloatStorage", key, location, length)


def tensor_v2(storage, offset, size, stride, requires_grad=False, *bits):
    return Call("torch._utils._rebuild_tensor_v2", storage, offset, size, stride, requires_grad, EMPTY, *bits)


def tensor_v3(storage, size, stride, dtype, *bits):
    return Call("torch._utils._rebuild_tensor_v3", storage, 0, size, stride, False, EMPTY, Name(f"torch.{dtype}"), *bits)


def untyped(key, tensor):
    return Storage("torch.storage.UntypedStorage", key, "cpu", len(raw(tensor)))


def write_newer(recorder):
    complex_storage = Storage("torch.ComplexFloatStorage", "1", "cpu", 3)
    conj, neg, off = {"conj": True}, {"neg": True}, {"conj": False, "neg": False}
    bits = {
        "plain": (tensor_v2(complex_storage, 0, (3,), (1,), False, {}), COMPLEX),
        "off": (tensor_v2(complex_storage, 0, (3,), (1,), False, off), COMPLEX),
        "conj": (tensor_v2(complex_storage, 0, (3,), (1,), False, conj), COMPLEX.conj()),
        "conj of a view": (tensor_v2(complex_storage, 1, (2,), (1,), False, conj), COMPLEX[1:].conj()),
        "both": (tensor_v2(complex_storage, 0, (3,), (1,), False, {**conj, **neg}), -COMPLEX.conj()),
        "neg": (tensor_v2(floats(), 1, (2, 2), (1, 2), True, neg), (-FLOATS.as_strided((2, 2), (1, 2), 1)).requires_grad_()),
        "v3": (tensor_v3(untyped("1", COMPLEX), (3,), (1,), "complex64", conj), COMPLEX.conj()),
    }
    storages = {"0": raw(FLOATS), "1": raw(COMPLEX)}
    write_zip(recorder.path("bits.zip.pth"), {name: call for name, (call, _) in bits.items() if name != "v3"}, storages)
    recorder.loads("bits.zip.pth", {name: value for name, (_, value) in bits.items() if name != "v3"})
    write_zip(recorder.path("bits.v3.zip.pth"), bits["v3"][0], storages, protocol=4)
    recorder.loads("bits.v3.zip.pth", bits["v3"][1])
    write_legacy(recorder.path("bits.legacy.pth"), bits["conj"][0], [("1", 3, raw(COMPLEX))])
    recorder.loads("bits.legacy.pth", bits["conj"][1])
    for name, call, kind, word in (
        ("conj_of_real", tensor_v2(floats(), 0, (1,), (1,), False, conj), "bad-pickle", "conjugate"),
        ("neg_of_int", tensor_v3(untyped("0", FLOATS), (1,), (1,), "int32", neg), "bad-pickle", "negative"),
        ("unknown_bit", tensor_v2(floats(), 0, (1,), (1,), False, {"zero": True}), "unsupported", '"zero"'),
        ("bits_list", tensor_v2(floats(), 0, (1,), (1,), False, [1]), "bad-pickle", "bits"),
        ("float4", tensor_v3(untyped("0", FLOATS), (1,), (1,), "float4_e2m1fn_x2"), "unsupported", "torch.float4_e2m1fn_x2"),
        ("neg_of_float8", tensor_v3(untyped("0", FLOATS), (1,), (1,), "float8_e4m3fn", neg), "bad-pickle", "negative"),
        ("qint8_v3", tensor_v3(untyped("0", FLOATS), (1,), (1,), "qint8"), "unsupported", "torch.qint8"),
        ("meta_location", tensor_v2(floats(location="meta"), 0, (1,), (1,)), "unsupported", "meta"),
        ("two_types", [tensor_v2(floats(), 0, (1,), (1,)), tensor_v2(Storage("torch.IntStorage", "0", "cpu", 6), 0, (1,), (1,))], "storage-size", '"0"'),
        ("two_lengths", [tensor_v2(floats(), 0, (1,), (1,)), tensor_v2(floats(length=5), 0, (1,), (1,))], "storage-size", '"0"'),
        ("v3_on_typed", Call("torch._utils._rebuild_tensor_v3", floats(), 0, (1,), (1,), False, EMPTY, Name("torch.int32")), "bad-pickle", "int32"),
    ):
        write_zip(recorder.path(f"refused.{name}.pth"), call, storages)
        recorder.refused(f"refused.{name}.pth", kind, word)
    # torch 1.13 has no tensors of these dtypes; the bytes are what counts.
    newer = {"uint16": WORDS, "int16": WORDS, "uint32": WORDS.int(), "uint64": WORDS.long()}
    newer.update({f"float8_{kind}": WORDS.to(torch.int8) for kind in ("e4m3fn", "e5m2", "e4m3fnuz", "e5m2fnuz", "e8m0fnu")})
    value = {dtype: tensor_v3(untyped(str(i), data), tuple(data.shape), (1,), dtype) for i, (dtype, data) in enumerate(newer.items())}
    write_zip(recorder.path("newer_dtypes.zip.pth"), value, {str(i): raw(data) for i, data in enumerate(newer.values())})
    swapped = {str(i): data.numpy().byteswap().tobytes() for i, data in enumerate(newer.values())}
    write_zip(recorder.path("newer_dtypes.big.zip.pth"), value, swapped, {"byteorder": b"big"})
    for name in ("newer_dtypes.zip.pth", "newer_dtypes.big.zip.pth"):
        recorder.loads(name, newer)
        for item, dtype in zip(recorder.files[-1]["value"]["items"], newer):
            item[1]["dtype"] = "i16" if dtype == "int16" else dtype


def write_newer_refusals(recorder):
    """Kinds of tensors that torch 1.13 cannot save, as newer versions pickle them."""
    plain = tensor_v2(floats(), 0, (6,), (1,))
    distributed = "torch.distributed.tensor.DTensor"
    cases = {
        "nested": ("unbind()", Call("torch._utils._rebuild_nested_tensor", plain, plain, plain, plain)),
        "wrapper": ("_rebuild_wrapper_subclass", Call("torch._utils._rebuild_wrapper_subclass", Name("torch.Tensor"))),
        "dtensor": (distributed, Call("torch._tensor._rebuild_from_type_v2", Name(distributed), plain)),
        "generator": ("torch.Generator", Call("torch.Generator", Name("torch.float32"))),
        "own_type": ("mine.Weights", Call("torch._tensor._rebuild_from_type_v2", Name("torch._utils._rebuild_tensor_v2"), Name("mine.Weights"), (), {})),
    }
    for name, (word, call) in cases.items():
        write_zip(recorder.path(f"refused.{name}.pth"), call, {"0": raw(FLOATS)})
        recorder.refused(f"refused.{name}.pth", "forbidden-global", word)
    middle = {
        kind: Call("torch._utils._rebuild_tensor_v3", Storage(kind, "0", "cpu", 24), 2, (2, 2), (2, 1), False, EMPTY, Name("torch.float32"))
        for kind in ("torch._UntypedStorage", "torch.storage._UntypedStorage", "torch.UntypedStorage")
    }
    write_zip(recorder.path("untyped.zip.pth"), middle, {"0": raw(FLOATS)})
    recorder.loads("untyped.zip.pth", {kind: FLOATS[2:].reshape(2, 2) for kind in middle})


def write_devices(recorder):
    bfloats = FLOATS.bfloat16()
    calls = {
        "xla": (Call("torch._utils._rebuild_device_tensor_from_numpy", FLOATS.numpy(), Name("torch.float32"), "xla:0", True), FLOATS.clone().requires_grad_()),
        "old xla": (Call("torch._utils._rebuild_xla_tensor", WORDS.numpy(), Name("torch.int16"), "xla:1", False), WORDS),
        "bfloat16": (Call("torch._utils._rebuild_device_tensor_from_numpy", bfloats.float().reshape(2, 3).numpy(), Name("torch.bfloat16"), "hpu", False), bfloats.reshape(2, 3)),
        "from cpu": (Call("torch._utils._rebuild_device_tensor_from_cpu_tensor", tensor_v2(floats(), 0, (6,), (1,)), Name("torch.float32"), "maia:0", False), FLOATS),
        **{location: (tensor_v2(floats(location=location), 0, (2, 3), (3, 1)), FLOATS.reshape(2, 3)) for location in ("cuda:3", "mps", "xpu:0", "privateuseone")},
        "cuda class": (tensor_v2(Storage("torch.cuda.FloatStorage", "1", "cuda:0", 6), 0, (6,), (1,)), FLOATS),
        "old cuda": (Call("torch.cuda.FloatTensor", state=(floats(), 1, (2, 2), (2, 1)), new=True), FLOATS[1:5].reshape(2, 2)),
        "device": (Call("torch.device", "privateuseone", 1), torch.device("privateuseone", 1)),
    }
    for protocol in (2, 4):
        name = f"devices.{protocol}.zip.pth"
        write_zip(recorder.path(name), {name: call for name, (call, _) in calls.items()}, {"0": raw(FLOATS), "1": raw(FLOATS)}, protocol=protocol)
        recorder.loads(name, {name: value for name, (_, value) in calls.items()})


def write_older(recorder):
    """Tensors and Variables as they pickled before 0.4, in the words of `Tensor.__setstate__`; storages with views."""
    plain = Call("torch._utils._rebuild_tensor", floats(), 1, (2, 2), (2, 1))
    expected = FLOATS[1:5].reshape(2, 2)
    calls = {
        "tensor": (Call("torch.FloatTensor", state=(floats(), 1, Call("torch.Size", (2, 2)), (2, 1)), new=True), expected),
        "variable": (Call("torch.autograd.variable.Variable", plain, state=(True, False, None)), expected.clone().requires_grad_()),
        "parameter": (Call("torch.nn.parameter.Parameter", plain, state=(True, False, EMPTY)), expected.clone().requires_grad_()),
        "frozen": (Call("torch.nn.parameter.Parameter", plain, False), expected),
        "without state": (Call("torch.nn.parameter.Parameter", plain), expected.clone().requires_grad_()),
        "five": (Call("torch.nn.parameter.Parameter", state=(plain, None, EMPTY, True, False), new=True), expected.clone().requires_grad_()),
    }
    value = collections.OrderedDict((name, call) for name, (call, _) in calls.items())
    storages = [("0", 6, raw(FLOATS))]
    write_legacy(recorder.path("oldest.legacy.pth"), value, storages)
    write_zip(recorder.path("oldest.zip.pth"), value, {key: data for key, _, data in storages})
    for name in ("oldest.legacy.pth", "oldest.zip.pth"):
        recorder.loads(name, collections.OrderedDict((name, value) for name, (_, value) in calls.items()))
    # A storage that is a view of another: (key of the view, first element, elements).
    part = lambda key, start, length: Storage("torch.FloatStorage", "0", "cpu", 6, [(key, start, length)])
    views = [tensor_v2(part("a", 2, 4), 1, (3,), (1,)), tensor_v2(part("a", 2, 4), 0, (2, 2), (1, 2)), tensor_v2(floats(), 0, (6,), (1,))]
    write_legacy(recorder.path("storage_views.legacy.pth"), views, [("0", 6, raw(FLOATS))])
    recorder.loads("storage_views.legacy.pth", [FLOATS[3:], FLOATS[2:].as_strided((2, 2), (1, 2)), FLOATS])
    # Storages without a type are counted in bytes.
    write_legacy(recorder.path("untyped.legacy.pth"), tensor_v3(untyped("0", WORDS), (3,), (1,), "int16"), [("0", 6, raw(WORDS))])
    recorder.loads("untyped.legacy.pth", WORDS)
    # Two files after one another: the first is read, as by torch.load.
    torch.save(FLOATS, recorder.path("two_in_one.legacy.pth"), _use_new_zipfile_serialization=False)
    with open(recorder.path("two_in_one.legacy.pth"), "ab") as file:
        torch.save(WORDS, file, _use_new_zipfile_serialization=False)
    recorder.loads("two_in_one.legacy.pth", FLOATS)
    for name, call, storages, kind, word in (
        ("legacy_two_types", [tensor_v2(floats(), 0, (1,), (1,)), tensor_v2(Storage("torch.IntStorage", "0", "cpu", 6), 0, (1,), (1,))], [("0", 6, raw(FLOATS))], "storage-size", '"0"'),
        ("legacy_bytes_as_count", tensor_v2(floats(), 0, (1,), (1,)), [("0", 24, raw(FLOATS))], "storage-size", "24"),
        ("old_class_of_other_type", Call("torch.IntTensor", state=(floats(), 0, (1,), (1,)), new=True), [("0", 6, raw(FLOATS))], "bad-pickle", "torch.IntTensor"),
        ("old_without_data", Call("torch.FloatTensor"), [], "bad-pickle", "torch.FloatTensor"),
    ):
        write_legacy(recorder.path(f"refused.{name}.pth"), call, storages)
        recorder.refused(f"refused.{name}.pth", kind, word)


def write_numpy_2(recorder):
    value = {"array": numpy.arange(6.0).reshape(2, 3), "scalar": numpy.float32(1.5), "wide": numpy.int64(2**60)}
    for protocol in (2, 3):
        data = pickle.dumps(value, protocol)
        for before, after in MOVED.items():
            data = data.replace(before, after)
        name = f"numpy2.{protocol}.zip.pth"
        with zipfile.ZipFile(recorder.path(name), "w") as archive:
            archive.writestr("archive/data.pkl", data)
            archive.writestr("archive/version", b"3\n")
        recorder.loads(name, value)


def write_versions(recorder):
    write_newer(recorder)
    write_newer_refusals(recorder)
    write_devices(recorder)
    write_older(recorder)
    write_numpy_2(recorder)
