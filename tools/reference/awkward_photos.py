#!/usr/bin/env python3
"""Small files of every kind that people's folders hold, and the RGB bytes that libjpeg-turbo, libwebp, libtiff and Pillow
make of them.

cjpeg (libjpeg-turbo), tiffcp (libtiff), tifffile and Pillow write the files, a few are put together here byte by byte.
Pillow reads them, which brings those libraries; where it changes levels on the way (16 bits of gray become 8 by clipping
them) the levels that were drawn stand instead. Written is `tests/golden/awkward_photos.safetensors`: a tensor `file NAME`
for each file, a tensor `pixels N` for each picture that some of them show, and a tensor `shown`, a text with a line for each
file: its name, a tab, and the name of its picture or `refused: ` with a word of the reason why the file cannot be used.

usage: awkward_photos.py [--out FOLDER]
needs: cjpeg, tiffcp; pip install numpy pillow safetensors tifffile imagecodecs
"""

import argparse
import io
import itertools
import pathlib
import struct
import subprocess
import tempfile
import zlib

import numpy as np
import PIL
import tifffile
from PIL import Image, ImageOps

from golden import FOLDER, write
from images import picture

HEIGHT, WIDTH = 23, 29  # odd, and no multiple of a block
RGB = picture(HEIGHT, WIDTH, seed=7000)
OTHER = picture(HEIGHT, WIDTH, seed=7001)
GRAY, ALPHA = RGB[..., 0], OTHER[..., 1]


class Files:
    def __init__(self):
        self.files, self.shown = {}, {}

    def add(self, name, data, pixels=None):
        """A file, and what it shows: by default what Pillow reads, turned upright."""
        assert name not in self.files, name
        if pixels is None:
            image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
            pixels = np.asarray(image.convert("RGB"))
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[..., None], 3, axis=2)
        self.files[name], self.shown[name] = data, np.ascontiguousarray(pixels)

    def refused(self, name, data, word):
        self.files[name], self.shown[name] = data, f"refused: {word}"


def saved(image, kind, **options):
    out = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(out, kind, **options)
    return out.getvalue()


def cjpeg(folder, rgb, *arguments):
    source = folder / "in.ppm"
    Image.fromarray(rgb).save(source)
    done = subprocess.run(["cjpeg", "-quality", "90", *arguments, source], capture_output=True)
    return done.stdout if done.returncode == 0 else None


SAMPLINGS = (
    "1x1,1x1,1x1 2x1,1x1,1x1 1x2,1x1,1x1 2x2,1x1,1x1 4x1,1x1,1x1 1x4,1x1,1x1 4x2,1x1,1x1 2x4,1x1,1x1 3x1,1x1,1x1 1x3,1x1,1x1 "
    "3x2,1x1,1x1 1x1,2x2,2x2 1x1,2x1,2x1 1x1,1x2,1x2 1x2,2x1,2x1 2x2,2x1,1x2 2x2,1x2,1x2 2x2,2x1,2x1 2x2,2x2,2x2 2x1,1x1,2x1 1x1,1x1,2x2"
).split()
# Whatever else a decoder reads: all in one scan, progressive, a scan for each channel, one for brightness and one for color.
SCANS = {"whole": None, "progressive": "", "apart": "0;1;2;", "two": "0;1 2;"}


def jpegs(files, folder):
    for sampling, (name, script) in itertools.product(SAMPLINGS, SCANS.items()):
        arguments = ["-sample", sampling]
        if script == "":
            arguments.append("-progressive")
        elif script:
            (folder / "scans").write_text(script.replace(";", ";\n"))
            arguments += ["-scans", folder / "scans"]
        data = cjpeg(folder, RGB, *arguments)
        # Ten blocks are the most of a unit.
        if data is not None:
            files.add(f"jpeg {name} {sampling.replace(',', ' ')}", data)
    for quality in 5, 50, 100:
        files.add(f"jpeg quality {quality}", cjpeg(folder, RGB, "-quality", str(quality), "-sample", "2x1,1x1,1x1"))
    for size in (1, 1), (7, 9), (8, 8), (17, 33), (3, 40):
        rgb = picture(*size, seed=sum(size))
        files.add(f"jpeg {size[0]}x{size[1]} of 3x1", cjpeg(folder, rgb, "-sample", "3x1,1x1,1x1"))
        files.add(f"jpeg {size[0]}x{size[1]} of 1x1 2x2", cjpeg(folder, rgb, "-sample", "1x1,2x2,2x2", "-progressive"))
    files.add("jpeg rgb", cjpeg(folder, RGB, "-rgb"))
    files.add("jpeg gray", cjpeg(folder, RGB, "-grayscale"))
    files.add("jpeg gray of 2x2", cjpeg(folder, RGB, "-grayscale", "-sample", "2x2"))
    for interval in "1", "3":
        for sampling in "3x1,1x1,1x1", "1x1,2x1,2x1", "2x2,1x1,1x1":
            name = f"jpeg restarts {interval} {sampling.replace(',', ' ')}"
            files.add(name, cjpeg(folder, RGB, "-restart", f"{interval}B", "-sample", sampling))
    for name, options in {"420": "2x2,1x1,1x1", "422": "2x1,1x1,1x1", "444": "1x1,1x1,1x1", "411": "4x1,1x1,1x1"}.items():
        data = cjpeg(folder, RGB, "-sample", options)
        shown = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        files.add(f"jpeg without tables {name}", without(data, 0xC4), shown)
    cmyk = Image.fromarray(np.dstack([RGB, ALPHA]), "CMYK")
    files.add("jpeg cmyk", saved(cmyk, "JPEG", quality=90))
    files.add("jpeg cmyk progressive", saved(cmyk, "JPEG", quality=90, progressive=True))
    plain = cjpeg(folder, RGB)
    files.refused("jpeg arithmetic", cjpeg(folder, RGB, "-arithmetic"), "arithmetic")
    frame = plain.index(b"\xff\xc0")
    files.refused("jpeg of 12 bits", plain[:frame + 4] + b"\x0c" + plain[frame + 5:], "12 bits")
    files.refused("jpeg lossless", plain[:frame + 1] + b"\xc3" + plain[frame + 2:], "lossless")


def without(jpeg, code):
    """A JPEG without its segments of this code."""
    out, at = jpeg[:2], 2
    while jpeg[at + 1] != 0xDA:
        length = 2 + int.from_bytes(jpeg[at + 2:at + 4], "big")
        if jpeg[at + 1] != code:
            out += jpeg[at:at + length]
        at += length
    return out + jpeg[at:]


def exif(orientation, prefix=True, big=False, kind=3):
    """A block that says nothing but the orientation: a short, or a long."""
    order = ">" if big else "<"
    block = (b"MM" if big else b"II") + struct.pack(order + "HIHHHI", 42, 8, 1, 0x112, kind, 1)
    value = struct.pack(order + ("HH" if kind == 3 else "I"), *([orientation, 0] if kind == 3 else [orientation]))
    return (b"Exif\0\0" if prefix else b"") + block + value + struct.pack(order + "I", 0)


def lying(orientation):
    """What is stored of RGB by a camera that was held so."""
    back = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
    image = Image.fromarray(RGB)
    return image if back is None else image.transpose(Image.Transpose(back))


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunk(png, made, last=False):
    at = len(png) - 12 if last else 33
    return png[:at] + made + png[at:]


def raw_profile(block, kind=b"exif"):
    digits = block.hex().encode()
    lines = b"\n".join(digits[at:at + 72] for at in range(0, len(digits), 72))
    return b"\n%s\n%8d\n%s\n" % (kind, len(block), lines)


def pngs(files):
    for orientation in range(1, 9):
        stored = saved(lying(orientation), "PNG")
        text = raw_profile(exif(orientation))
        made = {
            "eXIf": chunk(b"eXIf", exif(orientation, False)),
            "zTXt": chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)),
        }
        if orientation in (3, 6, 8):
            made["tEXt"] = chunk(b"tEXt", b"Raw profile type exif\0" + text)
            made["iTXt"] = chunk(b"iTXt", b"Raw profile type exif\0\0\0\0\0" + text)
            made["iTXt packed"] = chunk(b"iTXt", b"Raw profile type exif\0\1\0\0\0" + zlib.compress(text))
            made["APP1"] = chunk(b"zTXt", b"Raw profile type APP1\0\0" + zlib.compress(raw_profile(exif(orientation), b"APP1")))
            made["eXIf of a long"] = chunk(b"eXIf", exif(orientation, False, True, 4))
            made["eXIf with Exif"] = chunk(b"eXIf", exif(orientation))
        for name, made in made.items():
            files.add(f"png {name} {orientation}", with_chunk(stored, made), RGB)
    files.add("png eXIf at the end 6", with_chunk(saved(lying(6), "PNG"), chunk(b"eXIf", exif(6, False)), True), RGB)
    for colors in 2, 4, 16, 200:
        files.add(f"png palette {colors}", saved(Image.fromarray(RGB).quantize(colors), "PNG"))
    wide = GRAY.astype(np.uint16) << 8 | OTHER[..., 0]
    files.add("png gray 16", saved(wide, "PNG"), narrow(wide))
    files.add("png gray with a color left out", saved(Image.fromarray(GRAY), "PNG", transparency=200))
    files.add("png rgb with a color left out", saved(Image.fromarray(RGB), "PNG", transparency=(1, 2, 3)))


def narrow(wide):
    return ((wide.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def webps(files):
    color = Image.fromarray(RGB)
    for quality in 10, 50, 90, 100:
        files.add(f"webp lossy {quality}", saved(color, "WEBP", quality=quality))
    files.add("webp lossless", saved(color, "WEBP", lossless=True))
    files.add("webp alpha", saved(np.dstack([RGB, ALPHA]), "WEBP", lossless=True, exact=True), RGB)
    for orientation in range(2, 9):
        for name, prefix in {"": False, " with Exif": True}.items():
            block = exif(orientation, prefix)
            data = saved(lying(orientation), "WEBP", lossless=True, exif=block)
            files.add(f"webp EXIF{name} {orientation}", data, RGB)
    frames = [color, Image.fromarray(OTHER)]
    files.add("webp animated", saved(frames[0], "WEBP", lossless=True, save_all=True, append_images=frames[1:]), RGB)


def bmp(bits, rows, palette=b"", offset=None, header=40, compression=0, masks=b"", top_down=False, colors=0):
    """A BMP of rows that are packed already."""
    if header == 12:
        head = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, bits)
    else:
        height = -HEIGHT if top_down else HEIGHT
        head = struct.pack("<IiiHHIIiiII", header, WIDTH, height, 1, bits, compression, len(rows), 2835, 2835, colors, 0)
        head += bytes(header - 40)
    body = head + masks + palette
    start = 14 + len(body) if offset is None else offset
    return struct.pack("<2sIHHI", b"BM", 14 + len(body) + len(rows), 0, 0, start) + body + rows


def rows_of(values, bits, top_down=False):
    """Rows of whole numbers, packed, to whole words, bottom row first."""
    out = b""
    for row in values if top_down else values[::-1]:
        digits = "".join(format(int(value), f"0{bits}b") for value in row)
        line = int(digits.ljust(-(-len(digits) // 8) * 8, "0"), 2).to_bytes(-(-len(digits) // 8), "big")
        out += line + bytes(-len(line) % 4)
    return out


def bmps(files):
    for bits in 1, 4, 8:
        few = Image.fromarray(RGB).quantize(min(2**bits, 200))
        index, colors = np.asarray(few), few.getpalette()
        count = len(colors) // 3
        table = b"".join(bytes([*colors[at * 3:at * 3 + 3][::-1], 0]) for at in range(count))
        full = table + bytes(4 * (2**bits - count))
        shown = np.asarray(few.convert("RGB"))
        rows = rows_of(index, bits)
        files.add(f"bmp {bits} bits", bmp(bits, rows, full), shown)
        files.add(f"bmp {bits} bits, colors counted", bmp(bits, rows, table, colors=count), shown)
        files.add(f"bmp {bits} bits, offset at the palette", bmp(bits, rows, full, offset=54), shown)
        files.add(f"bmp {bits} bits, offset in a counted palette", bmp(bits, rows, table, offset=58, colors=count), shown)
        files.add(f"bmp {bits} bits, top down", bmp(bits, rows_of(index, bits, True), full, top_down=True), shown)
        files.add(f"bmp {bits} bits, gap behind the palette", bmp(bits, bytes(10) + rows, full, offset=54 + len(full) + 10), shown)
        old = b"".join(bytes(colors[at * 3:at * 3 + 3][::-1]) for at in range(count)) + bytes(3 * (2**bits - count))
        files.add(f"bmp {bits} bits of OS/2", bmp(bits, rows, old, header=12), shown)
        files.add(f"bmp {bits} bits of OS/2, offset at the palette", bmp(bits, rows, old, offset=26, header=12), shown)
    wide = RGB.astype(np.uint32)
    files.add("bmp 24 bits", bmp(24, rows_of(wide[..., 2] << 16 | wide[..., 1] << 8 | wide[..., 0], 24)), RGB)
    word = (wide[..., 0] >> 3) << 10 | (wide[..., 1] >> 3) << 5 | wide[..., 2] >> 3
    little = (word & 255) << 8 | word >> 8
    files.add("bmp 16 bits", bmp(16, rows_of(little, 16)))
    word = (wide[..., 0] >> 3) << 11 | (wide[..., 1] >> 2) << 5 | wide[..., 2] >> 3
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    files.add("bmp 565", bmp(16, rows_of((word & 255) << 8 | word >> 8, 16), compression=3, masks=masks))
    run = b"".join(bytes([1, value]) for value in range(8))
    flat = np.tile(np.arange(WIDTH) // 4, (HEIGHT, 1))
    table = b"".join(bytes([at * 9, 255 - at * 20, at * 30, 0]) for at in range(8)) + bytes(4 * 248)
    lengths = [(value, int((flat[0] == value).sum())) for value in range(8)]
    line = b"".join(bytes([count, value]) for value, count in lengths) + b"\0\0"
    shown = np.array([[at * 30, 255 - at * 20, at * 9] for at in range(8)], np.uint8)[flat]
    files.add("bmp runs", bmp(8, line * HEIGHT + b"\0\1", table, compression=1), shown)
    files.add("bmp runs, offset at the palette", bmp(8, line * HEIGHT + b"\0\1", table, compression=1, offset=54), shown)


def tiffs(files, folder):
    def written(name, pixels, shown=None, **options):
        out = io.BytesIO()
        tifffile.imwrite(out, pixels, metadata=None, software=False, **options)
        files.add(f"tiff {name}", out.getvalue(), shown)

    def refused(name, pixels, word, **options):
        out = io.BytesIO()
        tifffile.imwrite(out, pixels, metadata=None, software=False, **options)
        files.refused(f"tiff {name}", out.getvalue(), word)

    wide = RGB.astype(np.uint16) << 8 | OTHER
    planes = np.ascontiguousarray(np.moveaxis(RGB, -1, 0))
    for packing in None, "lzw", "zlib", "packbits":
        name = packing or "plain"
        how = dict(photometric="rgb", compression=packing)
        written(f"{name}", RGB, RGB, rowsperstrip=7, **how)
        written(f"{name} big-endian", RGB, RGB, byteorder=">", **how)
        written(f"{name} 16", wide, narrow(wide), **how)
        written(f"{name} 16 big-endian", wide, narrow(wide), byteorder=">", **how)
        written(f"{name} gray", GRAY, GRAY, compression=packing)
        written(f"{name} gray 16", wide[..., 0], narrow(wide[..., 0]), compression=packing)
        written(f"{name} tiles", RGB, RGB, tile=(16, 16), **how)
        written(f"{name} planes", planes, RGB, planarconfig="separate", **how)
        written(f"{name} planes in tiles", planes, RGB, planarconfig="separate", tile=(16, 16), **how)
        written(f"{name} alpha", np.dstack([RGB, ALPHA]), RGB, extrasamples=["unassalpha"], **how)
        if packing in ("lzw", "zlib"):
            written(f"{name} differences", RGB, RGB, predictor=True, **how)
            written(f"{name} differences 16", wide, narrow(wide), predictor=True, byteorder=">", **how)
            written(f"{name} differences, alpha", np.dstack([RGB, ALPHA]), RGB, predictor=True, extrasamples=["unspecified"], **how)
            written(f"{name} differences, planes", planes, RGB, planarconfig="separate", predictor=True, **how)
    premultiplied = (RGB * (ALPHA[..., None] / 255)).astype(np.uint8)
    written("alpha within", np.dstack([premultiplied, ALPHA]), photometric="rgb", extrasamples=["assocalpha"])
    written("cmyk", np.dstack([RGB, ALPHA]), photometric="separated")
    written("cmyk lzw", np.dstack([RGB, ALPHA]), photometric="separated", compression="lzw")
    written("white is zero", GRAY, 255 - GRAY, photometric="miniswhite")
    written("white is zero 16", wide[..., 0], narrow(65535 - wide[..., 0]), photometric="miniswhite")
    written("of more than 4 GiB", RGB, RGB, photometric="rgb", bigtiff=True)
    written("pages", np.stack([RGB, OTHER]), RGB, photometric="rgb")
    for subsampling in (1, 1), (2, 1), (2, 2):
        how = dict(photometric="rgb", compression="jpeg", subsampling=subsampling)
        name = f"{subsampling[0]}x{subsampling[1]}"
        written(f"jpeg {name} strips", RGB, rowsperstrip=16, **how)
        written(f"jpeg {name} tiles", RGB, tile=(16, 32), **how)
    written("jpeg gray", GRAY, compression="jpeg")
    color = Image.fromarray(RGB)
    files.add("tiff jpeg with its tables apart", saved(color, "TIFF", compression="jpeg"))
    files.add("tiff cmyk jpeg", saved(color.convert("CMYK"), "TIFF", compression="jpeg"))
    for colors in 200, 11, 2:
        files.add(f"tiff palette {colors}", saved(color.quantize(colors), "TIFF", compression="tiff_lzw"))
    files.add("tiff 1 bit", saved(color.convert("1"), "TIFF"))
    files.add("tiff 1 bit packbits", saved(color.convert("1"), "TIFF", compression="packbits"))
    files.add("tiff gray alpha", saved(color.convert("LA"), "TIFF"))
    for orientation in range(2, 9):
        files.add(f"tiff orientation {orientation}", saved(lying(orientation), "TIFF", tiffinfo={274: orientation}), RGB)
    color.save(folder / "in.tif")
    for name, arguments in {
        "jpeg strips by tiffcp": ["-c", "jpeg", "-r", "16"],
        "jpeg of rgb": ["-c", "jpeg:r", "-r", "16"],
        "low bit first": ["-f", "lsb2msb", "-c", "lzw"],
        "planes by tiffcp": ["-p", "separate", "-c", "zip:2"],
        "tiles by tiffcp": ["-t", "-w", "32", "-l", "16", "-c", "lzw:2"],
    }.items():
        subprocess.run(["tiffcp", *arguments, folder / "in.tif", folder / "out.tif"], check=True)
        files.add(f"tiff {name}", (folder / "out.tif").read_bytes())
    refused("float", RGB.astype(np.float32) / 255, "floating-point", photometric="rgb")
    refused("32 bits", RGB.astype(np.uint32), "32 bits", photometric="rgb")
    refused("lab", RGB, "L*a*b*", photometric="cielab")
    refused("zstd", RGB, "Zstandard", photometric="rgb", compression="zstd")
    files.refused("tiff fax", saved(color.convert("1"), "TIFF", compression="group4"), "fax")


def others(files):
    color = Image.fromarray(RGB)
    files.add("gif", saved(color.quantize(60), "GIF"))
    files.add("gif interlaced", saved(color.quantize(60), "GIF", interlace=1))
    files.refused("avif", saved(color, "AVIF"), "avifdec")
    files.refused("jpeg 2000", saved(color, "JPEG2000"), "JPEG 2000")
    files.refused("netpbm", saved(color, "PPM"), "Netpbm")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    args = parser.parse_args()
    files = Files()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        jpegs(files, folder)
        pngs(files)
        webps(files)
        bmps(files)
        tiffs(files, folder)
        others(files)
    tensors, lines, known = {}, [], {}
    for name, data in files.files.items():
        tensors[f"file {name}"] = np.frombuffer(data, np.uint8)
        shown = files.shown[name]
        if isinstance(shown, np.ndarray):
            key = known.setdefault((shown.shape, shown.tobytes()), f"pixels {len(known)}")
            tensors[key] = shown
            shown = key
        lines.append(f"{name}\t{shown}\n")
    tensors["shown"] = np.frombuffer("".join(lines).encode(), np.uint8)
    print(f"{len(files.files)} files of {len(known)} pictures")
    write(args.out / "awkward_photos.safetensors", tensors, [PIL, tifffile, np])


if __name__ == "__main__":
    main()
