"""Writes reference.safetensors with the reference implementation: every dtype, names that need escapes or an order.

Needs `pip install safetensors` (made with 0.8.0).
"""

import ctypes
import pathlib

from safetensors import TensorSpec, serialize

SIZES = {
    "bool": 1, "uint8": 1, "int8": 1, "float8_e5m2": 1, "float8_e4m3fn": 1, "float8_e8m0fnu": 1,
    "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1, "int16": 2, "uint16": 2, "float16": 2, "bfloat16": 2, "int32": 4,
    "uint32": 4, "float32": 4, "complex64": 8, "float64": 8, "int64": 8, "uint64": 8,
}
NAMES = ["10", "1", "", "__proto__", "é", "\U0001f600", "\uffff", '\b\f\n\r\t\x01\x7f\u2028"\\/']
data = ctypes.create_string_buffer(bytes(i % 2 for i in range(64)), 64)


def spec(dtype: str, shape: list) -> TensorSpec:
    length = SIZES[dtype]
    for size in shape:
        length *= size
    return TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(data), data_len=length)


tensors = {f"{dtype}.weight": spec(dtype, [3, 1]) for dtype in SIZES}
tensors |= {name: spec("float32", []) for name in NAMES}
tensors |= {"empty": spec("int64", [2, 0])}
path = pathlib.Path(__file__).with_name("reference.safetensors")
path.write_bytes(bytes(serialize(tensors, metadata={"format": "pt"})))
