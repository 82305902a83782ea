"""What a pickle claims to hold, against the bytes that are there: before room is made for it.

Python's reader makes room for strings, bytes and numbered places as large as a pickle says, and
finds out afterwards that they are not there. See `pickletools` for the codes.
"""

import re
from mmap import mmap

LENGTHS = {
    **dict.fromkeys(b"UC\x8c\x8a", 1),
    **dict.fromkeys(b"TBX\x8b", 4),
    **dict.fromkeys(b"\x8e\x8d\x96", 8),
}
"""Bytes of the length that follows a code, before so many bytes of content."""

UNCOUNTED = re.compile(
    rb"(?:[(012NRabd}elo\]st)u\x81\x85-\x89Q\x8f-\x94\x97\x98]"  # no argument
    rb"|[Khq\x80\x82].|[M\x83]..|[Jj\x84].{4}|G.{8}"  # of so many bytes
    rb"|[FILSVPg][^\n]*\n|[ci][^\n]*\n[^\n]*\n"  # of lines
    rb")*+",
    re.DOTALL,
)
"""Codes that claim nothing: numbers, and what is done with what is there."""

STOP, FRAME, PUT, LONG_PUT = b".\x95pr"


class SizeError(ValueError):
    """A pickle claims more than its bytes can hold."""


def check_sizes(data: bytes | mmap) -> None:
    """Raise `SizeError` if a length, or the number of a place, is more than there are bytes.

    What is no pickle further on is left to the reader, which stops there too.
    """
    place, end = 0, len(data)
    while True:
        found = UNCOUNTED.match(data, place)
        place = place if found is None else found.end()
        if place >= end:
            return
        code = data[place]
        place += 1
        if code in LENGTHS:
            width = LENGTHS[code]
            claimed = int.from_bytes(data[place : place + width], "little")
            place += width + claimed
            _check(claimed, place <= end)
        elif code == FRAME:
            claimed = int.from_bytes(data[place : place + 8], "little")
            place += 8
            _check(claimed, place + claimed <= end)
        elif code == LONG_PUT:
            claimed = int.from_bytes(data[place : place + 4], "little")
            place += 4
            _check(claimed, claimed <= end)
        elif code == PUT:
            line = data.find(b"\n", place)
            digits = bytes(data[place:line])
            if line < 0 or not digits.isdigit():
                return
            claimed = int(digits[-20:])
            _check(claimed, len(digits) <= 20 and claimed <= end)
            place = line + 1
        else:
            return


def _check(claimed: int, there: bool) -> None:
    if not there:
        raise SizeError(f"it claims {claimed:,} bytes or places that are not there")
