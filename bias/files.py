"""Bytes of input files: opening them safely, refusing binary formats, decoding text.

Messages here do not name the file: the caller knows it, and puts it in front.
"""

from __future__ import annotations

import codecs
import difflib
import io
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, BinaryIO, Literal, cast

from bias.errors import BinaryFileError, EncodingError, InputError, TooLargeError, UsageError

ErrorsMode = Literal["strict", "replace"]

MAX_BYTES = 20_000_000
"""The default limit for a file, and for a row of a table."""

PARQUET_MAGIC = b"PAR1"

# Signatures as libmagic knows them. Two-letter ones that prose can begin with ("MZ", "BM") need more of their header.
_SIGNATURES = {
    "a zip archive (docx, xlsx, odt and epub are such)": rb"PK(?:\x03\x04|\x05\x06|\x07\x08)",
    "a gzip archive": rb"\x1f\x8b",
    "a bzip2 archive": rb"BZh[1-9]1AY&SY",
    "an xz archive": rb"\xfd7zXZ\0",
    "a 7z archive": rb"7z\xbc\xaf\x27\x1c",
    "a Zstandard archive": rb"\x28\xb5\x2f\xfd",
    "a RAR archive": rb"Rar!\x1a\x07",
    "a tar archive": rb".{257}ustar",
    "a PDF document": rb"%PDF-",
    "an RTF document": rb"\{\\rtf",
    "a Microsoft Office 97 document": rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "a PNG image": rb"\x89PNG\r\n\x1a\n",
    "a JPEG image": rb"\xff\xd8\xff",
    "a GIF image": rb"GIF8[79]a",
    "a TIFF image": rb"II\*\0|MM\0\*",
    "a BMP image": rb"BM.{4}\0{4}",
    "a WebP image, AVI video or WAV sound": rb"RIFF.{4}(?:WEBP|AVI |WAVE)",
    "an MP4 video": rb".{4}ftyp",
    "an Ogg file": rb"OggS\0",
    "an MP3 file": rb"ID3[\x02-\x04]\0",
    "an ELF executable": rb"\x7fELF",
    "a Windows executable": rb"MZ.{1,62}?\0",
    "a Mach-O executable": rb"\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe",
    "a WebAssembly module": rb"\0asm",
    "an SQLite database": rb"SQLite format 3\0",
    "a Parquet table": PARQUET_MAGIC,
    "an Arrow table": rb"ARROW1\0",
    "a NumPy array": rb"\x93NUMPY",
    "a Python pickle": rb"\x80(?:[\x02\x03][\](}c]|[\x04\x05]\x95)",
}
_PATTERNS = {name: re.compile(pattern, re.DOTALL) for name, pattern in _SIGNATURES.items()}

SIGNATURE_BYTES = 512
"""How much of the beginning of a file `refuse_binary` looks at, in bytes."""

ENCODING_ADVICE = "name its --encoding, or use --errors replace"

# The longest mark first: that of UTF-32-LE begins with that of UTF-16-LE.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Code units of what needs no byte order mark: name, bytes of a unit, and where in it plain letters have theirs.
_UNMARKED = (("utf-32-le", 4, 0), ("utf-32-be", 4, 3), ("utf-16-le", 2, 0), ("utf-16-be", 2, 1))
_FEWEST_UNITS = 8
_MOST = 0.9
_BYTE_ORDER_MARK = "\ufeff"
_SURROGATE = re.compile("[\ud800-\udfff]")
_FILE_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def display_name(path: Path) -> str:
    """The path as text that can always be printed: bytes of a name that are not UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")


def open_file(path: Path) -> io.BufferedReader:
    """Open a regular file to read bytes.

    Raises:
        InputError: there is no such file (the message names a similar one), it is a folder, pipe or device, or the
            operating system does not let it be opened.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise InputError("a folder where a file was expected")
        for is_kind, kind in _FILE_KINDS:
            if is_kind(mode):
                raise InputError(f"{kind}, not a file: pass '-' to read standard input")
        return path.open("rb")
    except FileNotFoundError as error:
        raise InputError(_not_found(path)) from error
    except OSError as error:
        raise cannot_read(error) from error
    except ValueError as error:  # a NUL in the path
        raise InputError(f"not a path: {error}") from error


def cannot_read(error: OSError) -> InputError:
    """What the operating system says, in one line."""
    return InputError(f"cannot be read: {error.strerror or error}")


@contextmanager
def peekable(stream: BinaryIO) -> Iterator[io.BufferedReader]:
    """The stream with `peek`; it stays open after use, being the caller's."""
    if isinstance(stream, io.BufferedReader):
        yield stream
        return
    # Typed for raw streams, BufferedReader is content with any that has `readinto`, as all of the io module have.
    reader = io.BufferedReader(cast(Any, stream))
    try:
        yield reader
    finally:
        reader.detach()


def _not_found(path: Path) -> str:
    if path.is_symlink():
        return "a link to a file that does not exist"
    try:
        names = [entry.name for entry in islice(path.parent.iterdir(), 10_000)]
    except OSError:
        names = []
    similar = difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return "no such file" + (f": did you mean {display_name(path.with_name(similar[0]))}?" if similar else "")


def try_lock(file: IO[Any]) -> bool:
    """Lock an open file until it is closed or the process ends, however it ends; False if another process has it.

    On systems and drives without such locks nobody is kept out.
    """
    if sys.platform == "win32":
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a network drive without locks
    return True


def too_large(what: str, max_bytes: int) -> TooLargeError:
    """The error for a file or row over the limit."""
    return TooLargeError(f"{what} over the limit of {max_bytes:,} bytes: raise it with --max-bytes")


def refuse_binary(head: bytes) -> None:
    """Refuse known binary formats by their first bytes (`SIGNATURE_BYTES` of them are enough).

    Raises:
        BinaryFileError: the bytes are not text; the message names the format.
    """
    for name, pattern in _PATTERNS.items():
        if pattern.match(head):
            raise BinaryFileError(f"{name}, not text: extract its text first")


def refuse_other_mark(head: bytes, encoding: str) -> None:
    """Refuse bytes that begin with the byte order mark of another encoding than the stated one.

    So are bytes refused that have no mark and are letters of UTF-16 or UTF-32 all the same, every other byte being NUL:
    as UTF-8 they would be valid, and of no word that anybody knows.

    Raises:
        EncodingError: the message names the encoding to ask for.
        UsageError: there is no such encoding.
    """
    stated = codec_name(encoding)
    names = [name for mark, name in _BYTE_ORDER_MARKS if head.startswith(mark)]
    if names and not any(stated.startswith(name) for name in names):
        raise EncodingError(f"begins with the byte order mark of {names[0].upper()}: use --encoding {names[0]}")
    if not stated.startswith(("utf-16", "utf-32")):
        for name, width, place in _UNMARKED:
            units = len(head[:SIGNATURE_BYTES]) // width
            filled = [head[at:SIGNATURE_BYTES:width][:units] for at in range(width)]
            letters = units - filled.pop(place).count(0)
            if units >= _FEWEST_UNITS and min(letters, *(rest.count(0) for rest in filled)) >= _MOST * units:
                raise EncodingError(f"looks like {name.upper()} without a byte order mark: use --encoding {name}")


def codec_name(encoding: str) -> str:
    """The codec's own name of a text encoding: "utf-8" for "UTF8".

    Raises:
        UsageError: there is no such text encoding.
    """
    try:
        " ".encode(encoding)  # refuses codecs that are not of text, such as hex
        return codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise UsageError(f"no such text encoding: {encoding!r}") from error


def decode(data: bytes, encoding: str = "utf-8", errors: ErrorsMode = "strict") -> tuple[str, tuple[str, ...]]:
    """Decode the bytes of a text, without its byte order mark; line ends and all else stay as they are.

    Returns:
        The text, and a warning that counts the invalid places if `errors` is "replace" and there are any.

    Raises:
        BinaryFileError: a known binary format.
        EncodingError: a byte order mark of another encoding, or invalid bytes (the message names their offset).
        UsageError: there is no such encoding.
    """
    refuse_binary(data[:SIGNATURE_BYTES])
    refuse_other_mark(data, encoding)
    warnings: tuple[str, ...] = ()
    try:
        text = data.decode(encoding)
    except UnicodeError as error:
        if errors == "strict":
            raise EncodingError(_invalid(error, data, encoding)) from error
        text = data.decode(encoding, "replace")
        # A U+FFFD that the author wrote is no invalid place: those are left if invalid bytes are dropped instead.
        count = text.count("\ufffd") - data.decode(encoding, "ignore").count("\ufffd")
        warnings = (f"{count} invalid {encoding} {'sequence' if count == 1 else 'sequences'} replaced by U+FFFD",)
    return strip_mark(text), warnings


def _invalid(error: UnicodeError, data: bytes, encoding: str) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"byte 0x{data[error.start]:02X} at offset {error.start} is not valid {encoding}: {ENCODING_ADVICE}"
    return f"not valid {encoding} ({error}): {ENCODING_ADVICE}"


def strip_mark(text: str) -> str:
    """The text without the byte order mark at its beginning."""
    return text.removeprefix(_BYTE_ORDER_MARK)


def replace_surrogates(text: str) -> tuple[str, int]:
    """Replace lone surrogates by U+FFFD, one for one so that offsets hold; the second value counts them."""
    return _SURROGATE.subn("\ufffd", text)
