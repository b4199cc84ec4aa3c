"""Writes float8.json: the number of every bit pattern of the 8-bit floats, as ml_dtypes decodes it.

Needs `pip install ml_dtypes`. A line has the 256 numbers in the order of their bits.
"""

import json
import pathlib

import ml_dtypes
import numpy

NAMES = ["float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"]
bits = numpy.arange(256, dtype=numpy.uint8)

tables = {
    name: " ".join(repr(float(x)) for x in bits.view(getattr(ml_dtypes, name)).astype(numpy.float64)) for name in NAMES
}
pathlib.Path(__file__).with_suffix(".json").write_text(json.dumps(tables, indent=2) + "\n")
