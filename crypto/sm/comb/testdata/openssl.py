"""Reads lines "point digest signature" in hex (65, 32 and 64 bytes) and prints 1 or 0 for each: whether
OpenSSL's libcrypto takes r||s for a good SM2 signature of the digest. For the comparison in openssl_test.go."""
import ctypes
import ctypes.util
import sys

lib = ctypes.CDLL(ctypes.util.find_library("crypto"))
for name in ("d2i_PUBKEY", "EVP_PKEY_CTX_new"):
    getattr(lib, name).restype = ctypes.c_void_p
lib.d2i_PUBKEY.argtypes = [ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_long]
lib.EVP_PKEY_CTX_new.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
lib.EVP_PKEY_verify_init.argtypes = [ctypes.c_void_p]
lib.EVP_PKEY_verify.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]

# SubjectPublicKeyInfo of a point on sm2p256v1 (1.2.156.10197.1.301)
PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")


def integer(b):
    b = b.lstrip(b"\0") or b"\0"
    if b[0] & 0x80:
        b = b"\0" + b
    return bytes([2, len(b)]) + b


contexts = {}


def context(point):
    if point not in contexts:
        der = PREFIX + point
        key = lib.d2i_PUBKEY(None, ctypes.byref(ctypes.c_char_p(der)), len(der))
        ctx = lib.EVP_PKEY_CTX_new(key, None) if key else None
        if not ctx or lib.EVP_PKEY_verify_init(ctx) != 1:
            sys.exit("libcrypto takes no SM2 key")
        contexts[point] = ctx
    return contexts[point]


for line in sys.stdin:
    point, digest, signature = (bytes.fromhex(part) for part in line.split())
    body = integer(signature[:32]) + integer(signature[32:])
    der = bytes([0x30, len(body)]) + body
    print(int(lib.EVP_PKEY_verify(context(point), der, len(der), digest, len(digest)) == 1))
