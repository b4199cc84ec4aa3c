"""Zip archives that hold the same value in every legal way: made by Python's zipfile from what torch wrote."""

import io
import zipfile

import torch

VALUE = {"weight": torch.arange(6.0).reshape(2, 3), "steps": torch.tensor([2**40, -1]), "mask": torch.tensor([True, False])}


def members():
    buffer = io.BytesIO()
    torch.save(VALUE, buffer)
    with zipfile.ZipFile(buffer) as archive:
        return {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}


def write(path, content, root="archive/", order=None, force_zip64=False, comment=b"", folders=False, streamed=False, **options):
    with open(path, "wb") as file:
        target = Unseekable(file) if streamed else file
        with zipfile.ZipFile(target, "w", **options) as archive:
            if folders:
                archive.mkdir(f"{root}data") if hasattr(archive, "mkdir") else archive.writestr(f"{root}data/", b"")
            for name in order or content:
                info = zipfile.ZipInfo(root + name)
                info.compress_type = options.get("compression", zipfile.ZIP_STORED)
                with archive.open(info, "w", force_zip64=force_zip64) as member:
                    member.write(content[name])
            archive.comment = comment


def zero_checksums(path, names=None):
    """Torch 2.6 and later write 0 for each with `torch.utils.serialization.config.save.compute_crc32 = False`."""
    with zipfile.ZipFile(path) as archive:
        infos, central = archive.infolist(), archive.start_dir
    with open(path, "r+b") as file:
        for info in infos:
            if names is None or info.filename in names:
                for at in (info.header_offset + 14, central + 16):
                    file.seek(at)
                    file.write(bytes(4))
            central += 46 + len(info.filename.encode()) + len(info.extra) + len(info.comment)


class Unseekable:
    """A pipe: zipfile writes sizes behind the members."""

    def __init__(self, file):
        self.write, self.flush = file.write, file.flush


BIG = torch.complex(torch.tensor([1.0, 2.5]), torch.tensor([-3.0, 4.0]))
BIG_VALUE = {
    "f64": torch.tensor([1.5, -2.0], dtype=torch.float64), "f16": torch.tensor([1.5, 2.0]).half(), "bf16": torch.tensor([1.5, 2.0]).bfloat16(),
    "c64": BIG, "c128": BIG.to(torch.complex128), "i16": torch.tensor([1, 256], dtype=torch.int16), "bool": torch.tensor([True, False]),
    "view": torch.arange(6, dtype=torch.int32).reshape(2, 3).t(), "u8": torch.arange(3, dtype=torch.uint8),
}


def big_endian():
    """The archive that a big-endian machine writes: every storage byte-swapped by the width of its numbers."""
    buffer = io.BytesIO()
    torch.save(BIG_VALUE, buffer)
    with zipfile.ZipFile(buffer) as archive:
        content = {name.split("/", 1)[1]: archive.read(name) for name in archive.namelist()}
    for key, tensor in enumerate(BIG_VALUE.values()):
        width = tensor.element_size() // (2 if tensor.is_complex() else 1)
        data = content[f"data/{key}"]
        content[f"data/{key}"] = b"".join(data[i : i + width][::-1] for i in range(0, len(data), width))
    return {**content, "byteorder": b"big"}


def write_archives(recorder):
    plain = members()
    roots = {"no_root": "", "dot": "./", "nested": "runs/epoch 1/", "unicode": "Gewichte-雪/", "dots": "model.v1.pth/"}
    layouts = {name: {"root": root} for name, root in roots.items()}
    layouts["deflated"] = {"compression": zipfile.ZIP_DEFLATED}
    layouts["zip64"] = {"force_zip64": True}
    layouts["deflated_zip64"] = {"compression": zipfile.ZIP_DEFLATED, "force_zip64": True}
    layouts["streamed"] = {"streamed": True}
    layouts["streamed_deflated"] = {"streamed": True, "compression": zipfile.ZIP_DEFLATED}
    layouts["pickle_last"] = {"order": sorted(plain, reverse=True)}
    layouts["comment"] = {"comment": b"PK\5\6 made by hand"}
    layouts["folders"] = {"folders": True}
    for name, options in layouts.items():
        write(recorder.path(f"archive.{name}.pth"), plain, **options)
        recorder.loads(f"archive.{name}.pth", VALUE)
    newest = {
        "data.pkl": plain["data.pkl"], ".format_version": b"1", ".storage_alignment": b"64", "byteorder": b"little",
        **{name: data for name, data in plain.items() if name.startswith("data/")}, "version": b"3\n", ".data/serialization_id": b"0636457737946401051300000" + b"0" * 15,
    }
    write(recorder.path("archive.newest.pth"), newest)
    recorder.loads("archive.newest.pth", VALUE)
    write(recorder.path("archive.big_endian.pth"), big_endian())
    recorder.loads("archive.big_endian.pth", BIG_VALUE)
    for name, options in {"no_crc": {}, "no_crc_deflated": {"compression": zipfile.ZIP_DEFLATED}}.items():
        write(recorder.path(f"archive.{name}.pth"), plain, **options)
        zero_checksums(recorder.path(f"archive.{name}.pth"))
        recorder.loads(f"archive.{name}.pth", VALUE)
    write(recorder.path("refused.one_crc.pth"), plain)
    zero_checksums(recorder.path("refused.one_crc.pth"), ["archive/data/0"])
    recorder.refused("refused.one_crc.pth", "crc", "archive/data/0")
    write(recorder.path("refused.byteorder.pth"), {**plain, "byteorder": b"middle"})
    recorder.refused("refused.byteorder.pth", "unsupported", "byteorder")
