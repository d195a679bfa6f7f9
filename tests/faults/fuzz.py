"""Files and folders as damage or malice makes them, each drawn from a seed.

message_file(draw)           the bytes of a file of messages: a valid one, spoilt
spoil(draw, folder)          change one file of a model's folder, as its kind suggests
reseal(draw, folder)         what a hostile writer of a classifier's card does
hostile_checkpoint(...)      a checkpoint with an absurd tree and the right digest

`draw` is a random.Random.
"""

import base64
import gzip
import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from xml.sax.saxutils import escape

import pyarrow
import torch
from pyarrow import parquet
from safetensors.torch import load_file, save_file

from spamft.plumbing.checkpoint import _sha256 as digest_of_checkpoint
from spamft.plumbing.jsonfile import OPEN, SEAL

__all__ = ["hostile_checkpoint", "message_file", "reseal", "spoil"]

TEXTS = (
    *("see you at 5", "WIN £1,000 NOW; call", 'a "quoted" word', "two\nlines", "äß 😀"),
    *(
        "",
        "a\rreturn",
        "tab\tinside",
        "NA",
        "line\x85sep\u2028arated",
        "x" * 300,
        "it's; 'so'",
    ),
)
BITS = (
    *(b'"', b"'", b'""', b"\0", b"\r", b"\n", b"\r\n", b"\t", b",", b";", b"\\", b" "),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xed\xa0\x80", b"\xed\xb0\x80"),
    *(b"\xc2\x85", b"\x85", b"\xe2\x80\xa8", b"\xff", b"\x1b[2J", b"\x1a", b"=1+1"),
    *(b"ham\t", b"spam\t", b"v1,v2,", b"Label,Text\n", b"\n\n", b'\n"', b'","'),
)
NUMBERS = {  # labels as numbers, more than a number has room for
    **{"ham": "9" * 20, "spam": "8" * 5000},
    **{"0": "007", "1": "1" * 18, "a": "٣", "b": "12"},
}
HEADERS = (
    b'"Label";"Text"ham;"Text"\n',
    b'v1,v2,"\n',
    b"v1,v2,Text,Label\n",
    b"v1,v2,v2,v1\n\n",
    b'Label,"Text\n',
    b'"Label"\t"Text"\r',
    b"Label,Text,Label,Text\n",
    b",".join(b"column%d" % i for i in range(3000)) + b",Label,Text\n",
    b"Label,Text" + b"," * 5000 + b"\n",
    b'"Label","Text","' + b"x" * 200_000 + b'"\n',
)
ABSURD = (
    *(0, -1, 1, 2, 3, 10**9, 10**30, 2**63, 10**400, 1.5, 4.0, 1e308, -1e-320, True),
    *(None, False, [], {}, "", "x", "0", "\ud800", "\0", "..", "two\nlines"),
    *([[]], [None], {"": {}}, {"a": 1}, [10**30], [1.5, "x"], ["a", "a"], ["..", 5]),
    *(float("inf"), float("nan"), "x" * 100_000, "é\u2028 " * 30_000, [0] * 10_000),
)
# stand for lists in lists until the text is made; no parser goes as deep as the last
DEEP = {f"nested {n} deep": n for n in (90, 500, 900, 940, 960, 975, 985, 100_000)}
DTYPES = (torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.uint8)
ODD_DTYPES = (torch.bool, torch.complex64, torch.float8_e4m3fn, torch.float8_e5m2)
LENGTHS = (0, 1, 7, 2**31, 2**32 - 1, 2**63, 2**64 - 1, 100_000_001)

LARGE = 20 * 2**20  # bytes: larger files take longer and tell no more

Bytes = Callable[[Random, bytes], bytes]


def message_file(draw: Random) -> bytes:
    """A file of messages in one of the known layouts, spoilt up to three times; some
    are packed then, and may be spoilt again."""
    raw = draw.choice(LAYOUTS)(_rows(draw))
    for _ in range(draw.choice((0, 1, 1, 1, 1, 2, 3))):
        raw = draw.choice(SPOILERS)(draw, raw)
    raw = raw[:LARGE]
    if draw.random() < 0.3:
        raw = draw.choice(PACKERS)(draw, raw)
        if draw.random() < 0.5:
            raw = draw.choice(BYTES)(draw, raw)
    return raw


def _rows(draw: Random) -> list[list[str]]:
    labels = draw.choice((("ham", "spam"), ("ham", "spam"), ("0", "1"), ("a", "b")))
    return [
        [draw.choice(labels), f"{draw.choice(TEXTS)} {chr(97 + i % 26)}"]
        for i in range(draw.choice((2, 12, 40, 40)))
    ]


def _uci(rows: list[list[str]]) -> bytes:
    flat = (" ".join(text.splitlines()) for _, text in rows)
    lines = zip(rows, flat, strict=True)
    ours = {"0": "ham", "a": "ham", "1": "spam", "b": "spam"}
    known = ((ours.get(row[0], row[0]), text) for row, text in lines)
    return "".join(f"{label}\t{text}\n" for label, text in known).encode()


def _table(delimiter: str, header: str, ending: str = "\n") -> Callable:
    def write(rows: list[list[str]]) -> bytes:
        cells = [['"' + cell.replace('"', '""') + '"' for cell in row] for row in rows]
        lines = [header, *(delimiter.join(row) for row in cells)]
        return "".join(line + ending for line in lines).encode()

    return write


def _kaggle(rows: list[list[str]]) -> bytes:
    text = _table(",", "v1,v2,,,")(rows).decode().replace("😀", "?")
    return text.replace('"\n', '",,,\n').encode("latin-1", errors="replace")


def _json(rows: list[list[str]]) -> bytes:
    records = [{"label": label, "text": text} for label, text in rows]
    return "".join(json.dumps(each) + "\n" for each in records).encode()


def _fasttext(rows: list[list[str]]) -> bytes:
    lines = (f"__label__{label} {' '.join(text.split())}\n" for label, text in rows)
    return "".join(lines).encode()


def _parquet(rows: list[list[str]]) -> bytes:
    labels, texts = zip(*rows, strict=True)
    table = pyarrow.table({"Label": list(labels), "Text": list(texts)})
    stream = io.BytesIO()
    parquet.write_table(table, stream)
    return stream.getvalue()


def _zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():  # with no time in it, but the seed's own
            file.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def _workbook(draw: Random, raw: bytes) -> bytes:
    """A workbook whose sheet, or another part, is spoilt before it is packed."""
    sheet = _sheet([["Label", "Text"], *_rows(draw)])
    members = dict(WORKBOOK) | {"xl/worksheets/sheet1.xml": sheet}
    name = draw.choice(("xl/worksheets/sheet1.xml", *members))
    members[name] = draw.choice((*BYTES, _in_xml, _in_xml))(draw, members[name])
    return _zipped(members)


def _sheet(rows: list[list[str]]) -> bytes:
    cells = (
        "".join(f'<c t="inlineStr"><is><t>{escape(each)}</t></is></c>' for each in row)
        for row in rows
    )
    lines = "".join(f"<row>{row}</row>" for row in cells)
    return f"<worksheet {MAIN}><sheetData>{lines}</sheetData></worksheet>".encode()


def _in_xml(draw: Random, raw: bytes) -> bytes:
    """Something absurd where a tag begins."""
    places = [i for i, byte in enumerate(raw) if byte == ord("<")]
    at = draw.choice(places)
    return raw[:at] + draw.choice(XML) + raw[at:]


MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
WORKBOOK = {
    "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Override '
    f'PartName="/xl/workbook.xml" ContentType="{TYPES}.sheet.main+xml"/></Types>',
    "xl/workbook.xml": f'<workbook {MAIN} xmlns:r="{OFFICE}"><sheets><sheet name="a" '
    'sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{OFFICE}/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
}
WORKBOOK = {name: text.encode() for name, text in WORKBOOK.items()}
XML = (
    *(b"<row r='1048576'/>", b"<row r='9999999999'/>", b"<c r='XFD1'/>", b"<c r='0'/>"),
    *(b"<row r='-1'><c r='A1'/></row>", b"<c t='s'><v>99999</v></c>", b"<c t='n'><v>"),
    *(b"<c t='d'><v>2024-99-99</v></c>", b"<c t='b'><v>x</v></c>", b"<dimension/>"),
    *(b"<c><v>1e999</v></c>", b"<c><v>nan</v></c>", b"<c t='e'><v>#REF!</v></c>"),
    *(b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"<f>1+1</f>", b"&b;", b"<v>" * 5000),
    *(b"<c><f>A1</f></c>", b"<dimension ref='A1:XFD1048576'/>", b"<row>" * 2000),
)
PACKERS = (
    lambda draw, raw: gzip.compress(raw, mtime=0),
    lambda draw, raw: _zipped({"a.csv": raw}),
    lambda draw, raw: _zipped({draw.choice(("__MACOSX/a", "b.csv")): b"", "a": raw}),
    _workbook,
    _workbook,
)
LAYOUTS = (
    *(_json, _json, _fasttext, _parquet),
    lambda rows: json.dumps([{"text": b, "label": a} for a, b in rows]).encode(),
    *(_uci, _uci, _kaggle, _table(",", "Label,Text"), _table(";", '"Label";"Text"')),
    *(_table("\t", "label\ttext"), _table(",", "Label,Text", "\r\n")),
    lambda rows: b"\xef\xbb\xbf" + _table(",", "Label,Text")(rows),
    lambda rows: _table(",", "Label,Text")(rows).decode().encode("utf-16"),
    lambda rows: _table(",", "Label,Text")([[NUMBERS[a], b] for a, b in rows]),
    lambda rows: _table(",", "Text,Label")([row[::-1] for row in rows]),
)


def _flip(draw: Random, raw: bytes) -> bytes:
    if not raw:
        return raw
    changed = bytearray(raw)
    for _ in range(draw.choice((1, 1, 3, 30))):
        changed[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _delete(draw: Random, raw: bytes) -> bytes:
    at = draw.randint(0, len(raw))
    return raw[:at] + raw[at + draw.choice((1, 2, 10, 200)) :]


def _insert(draw: Random, raw: bytes) -> bytes:
    for _ in range(draw.choice((1, 1, 5))):
        near = draw.choice((15, len(raw)))  # as often in the header as behind it
        at = draw.randint(0, min(near, len(raw)))
        raw = raw[:at] + draw.choice(BITS) + raw[at:]
    return raw


def _truncate(draw: Random, raw: bytes) -> bytes:
    return raw[: draw.randint(0, len(raw))]


def _lines(draw: Random, raw: bytes) -> bytes:
    """Lines dropped, repeated, emptied or exchanged."""
    lines = raw.splitlines(keepends=True) or [b""]
    at = draw.randrange(len(lines))
    how = draw.randrange(4)
    if how == 0:
        del lines[at]
    elif how == 1:
        lines[at] *= draw.choice((2, 500))
    elif how == 2:
        lines[at] = draw.choice((b"\n", b"\r", b"\r\n", b"ham\n", b",\n", b"\t\n"))
    else:
        draw.shuffle(lines)
    return b"".join(lines)


def _swap_columns(draw: Random, raw: bytes) -> bytes:
    mark = draw.choice((b"\t", b",", b";"))
    lines = raw.split(b"\n")
    some = draw.random() < 0.5
    for i, line in enumerate(lines):
        if not some or draw.random() < 0.2:
            lines[i] = mark.join(reversed(line.split(mark)))
    return b"\n".join(lines)


def _huge(draw: Random, raw: bytes) -> bytes:
    """A cell, a label or a run of marks that is far longer than any message."""
    bit = draw.choice((b"x", b"9", b",", b'"', b"\0", b" ", b"ab ", "😀".encode()))
    marks = [0, *(i for i, b in enumerate(raw) if b in b'\n\t,;"')]
    at = draw.choice(marks) + draw.choice((0, 1))
    return raw[:at] + bit * draw.choice((5000, 140_000, 300_000)) + raw[at:]


def _header(draw: Random, raw: bytes) -> bytes:
    first, _, rest = raw.partition(b"\n")
    return draw.choice(HEADERS) + draw.choice((rest, raw, b"", b"ham,hi\n\nspam,no\n"))


def _replace(draw: Random, raw: bytes) -> bytes:
    return draw.choice((b"", b"\0" * 99, b" \n\n", b"\n", b"{}", draw.randbytes(500)))


BYTES = (_flip, _flip, _delete, _insert, _insert, _truncate, _replace, _huge)
SPOILERS = (*BYTES, _lines, _lines, _swap_columns, _header, _header)


def spoil(draw: Random, folder: Path) -> str:
    """Change one file of a folder, its bytes or its meaning; return its name."""
    path = draw.choice(sorted(folder.iterdir()))
    if draw.random() < 0.3:
        path.write_bytes(draw.choice(BYTES)(draw, path.read_bytes()))
    elif path.suffix == ".json":
        path.write_bytes(spoil_json(draw, path.read_text()))
    elif path.suffix == ".tiktoken":
        path.write_bytes(b"".join(_vocabulary(draw, path.read_bytes())))
    elif draw.random() < 0.5:
        path.write_bytes(_tensor_header(draw, path.read_bytes()))
    else:
        _spoil_tensors(draw, path)
    return path.name


def spoil_json(draw: Random, text: str) -> bytes:
    """The text with one to three of its values replaced, removed or renamed."""
    value = json.loads(text)
    for _ in range(draw.choice((1, 1, 1, 3))):
        value = _absurd(draw, value)
    return _dumped(value)


def _absurd(draw: Random, value: Any) -> Any:
    """A copy of `value` in which something, at whatever depth, is another thing."""
    if isinstance(value, (dict, list)) and value and draw.random() < 0.97:
        places = list(value) if isinstance(value, dict) else list(range(len(value)))
        place = draw.choice(places)
        changed = value.copy()
        if draw.random() < 0.12:
            taken = changed.pop(place)
            if isinstance(value, dict) and draw.random() < 0.5:
                changed[draw.choice(("", "x", "x" * 9999, "a\nb"))] = taken
        else:
            changed[place] = _absurd(draw, value[place])
        return changed
    return draw.choice((*ABSURD, *DEEP, [value], str(value), [[[]]] * 9))


def _dumped(value: Any) -> bytes:
    text = json.dumps(value)
    for name, depth in DEEP.items():
        text = text.replace(json.dumps(name), "[" * depth + "]" * depth)
    return text.encode()


def reseal(draw: Random, folder: Path) -> None:
    """Give the card of a classifier absurd values perhaps, and a seal that fits."""
    path = folder / "classifier.json"
    try:
        card = json.loads(path.read_bytes())
        card["sha256"] = {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in card["sha256"]
        }
    except (ValueError, KeyError, TypeError, OSError, RecursionError):
        return  # no card any more
    if draw.random() < 0.7:
        card = _absurd(draw, card)
    if not isinstance(card, dict):
        card = {"card": card}
    text = _dumped({**card, SEAL: OPEN})
    path.write_bytes(
        text.replace(OPEN.encode(), hashlib.sha256(text).hexdigest().encode())
    )


def _vocabulary(draw: Random, raw: bytes) -> list[bytes]:
    """Lines with tokens swapped, repeated, dropped, added or written oddly."""
    lines = raw.splitlines(keepends=True)
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    (a, b), (c, d) = lines[one].split(), lines[other].split()
    more = b"%s %d\n" % (base64.b64encode(draw.randbytes(9)), len(lines))
    how = draw.randrange(8)
    if how == 0:
        lines[one], lines[other] = c + b" " + b + b"\n", a + b" " + d + b"\n"
    elif how == 1:
        lines[one] = c + b" " + b + b"\n"
    elif how == 2:
        del lines[one if draw.random() < 0.5 else -1]
    elif how == 3:
        lines.append(more)
    elif how == 4:
        text = draw.choice(
            (b"====", b"=", b"QR==", b"QQ", b"\xff", b'""', b"Q" * 99999)
        )
        lines[one] = text + b" " + b + b"\n"
    elif how == 5:
        rank = draw.choice(
            (b"-1", b"1_0", b"9" * 5000, b"0x1", b"1.0", b"", b"\xd9\xa3")
        )
        lines[one] = a + b" " + rank + b"\n"
    elif how == 6:
        lines.append(b"PHxlbmRvZnRleHR8Pg== %d\n" % len(lines))
    else:
        lines.insert(one, draw.choice((b"\n", b"\r", b"a b c\n", b"\0\n", lines[one])))
    return lines


def _tensor_header(draw: Random, raw: bytes) -> bytes:
    """Another length of the header, or absurd values in it."""
    size = int.from_bytes(raw[:8], "little")
    if draw.random() < 0.2:
        return draw.choice(LENGTHS).to_bytes(8, "little") + raw[8:]
    header = spoil_json(draw, raw[8 : 8 + size].decode())
    return len(header).to_bytes(8, "little") + header + raw[8 + size :]


def _spoil_tensors(draw: Random, path: Path) -> None:
    """Tensors missing, extra, renamed, of other types, shapes or numbers."""
    tensors = load_file(path)
    for _ in range(draw.choice((1, 1, 2))):
        name = draw.choice(sorted(tensors))
        tensor = tensors.pop(name)
        how = draw.randrange(7)
        if how == 1:
            tensors[name + draw.choice((".more", "\nline", "x" * 9999, ""))] = tensor
        elif how == 2:
            tensors[name] = tensor.to(draw.choice(DTYPES + ODD_DTYPES))
        elif how == 3:
            shape = draw.choice(((), (0,), (1,), (2, 3), (1, 1, 1), (0, 9), (3,) * 9))
            tensors[name] = torch.ones(shape)
        elif how == 4:
            number = draw.choice((torch.nan, torch.inf, 3e38, 0, -1))
            tensors[name] = torch.full_like(tensor, number)
        elif how == 5:
            tensors |= {name: tensor, draw.choice(EXTRA): torch.ones(2, 2)}
        elif how == 6:
            tensors[name] = tensor.flatten()
        if not tensors:
            break
    save_file(tensors, path)


EXTRA = (
    *("", "x", "lm_head.weight", "transformer.h.99.ln_1.weight", "h.0.attn.bias"),
    *("two\nlines", "x" * 9999, "base_model.model.transformer.h.0.lora_A.weight"),
    "base_model.model.transformer.h.00.attn.c_attn.lora_B.weight",
)


def hostile_checkpoint(draw: Random, path: Path, tree: str) -> None:
    """Write the checkpoint at `path` anew, its tree spoilt, with a digest that fits."""
    tensors = load_file(path)
    rest = spoil_json(draw, tree).decode()
    digest = digest_of_checkpoint(tensors, rest)
    save_file(tensors, path, {"tree": rest, "sha256": digest})
