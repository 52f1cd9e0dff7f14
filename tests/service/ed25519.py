"""Ed25519 signatures by the book (RFC 8032, section 5.1), slow and small.

Knows nothing of webhooks. Not for secrets: it takes a time that depends on the key.
"""

from __future__ import annotations

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]  # extended homogeneous coordinates
NEUTRAL: Point = (0, 1, 1, 0)


def _number(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def _add(a: Point, b: Point) -> Point:
    low = (a[1] - a[0]) * (b[1] - b[0]) % P
    high = (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = high - low, d - c, d + c, high + low
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(n: int, point: Point) -> Point:
    total = NEUTRAL
    while n:
        if n & 1:
            total = _add(total, point)
        point = _add(point, point)
        n >>= 1
    return total


def _x_of(y: int, sign: int) -> int | None:
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def _start() -> Point:
    y = 4 * pow(5, P - 2, P) % P
    x = _x_of(y, 0)
    assert x is not None
    return (x, y, 1, x * y % P)


START = _start()


def _packed(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _unpacked(data: bytes) -> Point | None:
    number = int.from_bytes(data, "little")
    y = number & (2**255 - 1)
    x = _x_of(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


def _secret(seed: bytes) -> tuple[int, bytes]:
    digest = hashlib.sha512(seed).digest()
    number = int.from_bytes(digest[:32], "little")
    return number & (2**254 - 8) | 2**254, digest[32:]


def public_key(seed: bytes) -> bytes:
    """The public key (32 bytes) of a private one (32 bytes)."""
    return _packed(_times(_secret(seed)[0], START))


def sign(seed: bytes, message: bytes) -> bytes:
    """The signature (64 bytes) of a message."""
    number, prefix = _secret(seed)
    public = public_key(seed)
    once = _number(prefix, message) % ORDER
    point = _packed(_times(once, START))
    answer = (once + _number(point, public, message) * number) % ORDER
    return point + answer.to_bytes(32, "little")


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is this key's for this message."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, point = _unpacked(public), _unpacked(signature[:32])
    answer = int.from_bytes(signature[32:], "little")
    if key is None or point is None or answer >= ORDER:
        return False
    right = _add(point, _times(_number(signature[:32], public, message) % ORDER, key))
    return _packed(_times(answer, START)) == _packed(right)
