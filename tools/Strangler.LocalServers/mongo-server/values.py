"""Values as the server compares and orders them: by type first, numbers of all types among each other."""
import datetime
import decimal
import functools
import math
import struct

import bson
from bson import Code, DBRef, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import UuidRepresentation
from bson.codec_options import CodecOptions
from bson.decimal128 import Decimal128

OPTIONS = CodecOptions(document_class=dict, tz_aware=False, uuid_representation=UuidRepresentation.UNSPECIFIED)
MISSING = object()


def decode(raw):
    return bson.decode(raw, OPTIONS)


def encode(document):
    return bson.encode(document, codec_options=OPTIONS)


def order(value):
    """A tuple that is hashable, and compares like the value. https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/"""
    kind = type(value)
    if kind is str:
        return (15, value)
    if value is None or value is MISSING:
        return (5,)
    if kind is bool:
        return (40, value)
    if kind is int or kind is Int64:
        return (10, 1, int(value))
    if kind is float:
        return (10, 0, 0) if math.isnan(value) else (10, 1, value)
    if kind is ObjectId:
        return (35, value.binary)
    if isinstance(value, dict):
        return (20,) + tuple((order(v)[0], k, order(v)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return (25,) + tuple(order(v) for v in value)
    if isinstance(value, datetime.datetime):
        return (45, value)
    return _rare(value)


def _rare(value):
    if isinstance(value, Decimal128):
        number = value.to_decimal()
        if number.is_nan():
            return (10, 0, 0)
        return (10, 1, float(number)) if number.is_infinite() else (10, 1, number)
    if isinstance(value, Code):
        return (60, str(value)) if value.scope is None else (65, str(value), order(value.scope))
    if isinstance(value, bytes):
        return (30, len(value), getattr(value, 'subtype', 0), bytes(value))
    if isinstance(value, Timestamp):
        return (47, value.time, value.inc)
    if isinstance(value, Regex):
        return (50, str(value.pattern), value.flags)
    if isinstance(value, DBRef):
        return order(value.as_doc())
    if isinstance(value, MinKey):
        return (-1,)
    if isinstance(value, MaxKey):
        return (127,)
    raise ValueError('values of the type %s cannot be compared here' % type(value).__name__)


def same(a, b):
    return order(a) == order(b)


def is_number(value):
    return isinstance(value, (int, float, Decimal128)) and not isinstance(value, bool)


def add(a, b, multiply=False):
    """The sum or product in the wider of the two types, as the server computes it."""
    if isinstance(a, Decimal128) or isinstance(b, Decimal128):
        one, other = (v.to_decimal() if isinstance(v,
            Decimal128) else decimal.Decimal(repr(v) if isinstance(v, float) else int(v)) for v in (a, b))
        with decimal.localcontext(decimal.Context(prec=34)):
            return Decimal128(one * other if multiply else one + other)
    result = a * b if multiply else a + b
    if isinstance(result, float):
        return result
    if isinstance(a, Int64) or isinstance(b, Int64) or not -2**31 <= result < 2**31:
        if not -2**63 <= result < 2**63:
            raise OverflowError('the result does not fit 64 bits')
        return Int64(result)
    return result


def type_name(value):
    if isinstance(value, bool):
        return 'bool'
    if isinstance(value, Int64):
        return 'long'
    if isinstance(value, int):
        return 'int' if -2**31 <= value < 2**31 else 'long'
    for name, kind in (('double', float), ('decimal', Decimal128), ('javascript', Code), ('string', str), ('binData', bytes),
        ('objectId', ObjectId),
                       ('date', datetime.datetime), ('timestamp', Timestamp), ('regex', Regex), ('array', (list, tuple)), ('object',
                           (dict, DBRef)),
                       ('minKey', MinKey), ('maxKey', MaxKey)):
        if isinstance(value, kind):
            return name
    return 'null' if value is None else 'missing'


TYPE_NUMBERS = {1: 'double', 2: 'string', 3: 'object', 4: 'array', 5: 'binData', 7: 'objectId', 8: 'bool', 9: 'date', 10: 'null',
    11: 'regex',
                13: 'javascript', 16: 'int', 17: 'timestamp', 18: 'long', 19: 'decimal', -1: 'minKey', 127: 'maxKey'}


def has_type(value, wanted):
    name = TYPE_NUMBERS.get(wanted, wanted) if not isinstance(wanted, str) else wanted
    actual = type_name(value)
    return actual == name or (name == 'number' and actual in ('int', 'long', 'double', 'decimal'))


_FIXED = {0x07: 12, 0x10: 4, 0x12: 8, 0x01: 8, 0x09: 8, 0x08: 1, 0x0A: 0, 0x13: 16, 0x11: 8}


def id_of(raw):
    """The _id of a document without decoding the rest; MISSING when it has none."""
    at, end = 4, len(raw) - 1
    while at < end:
        kind = raw[at]
        close = raw.index(0, at + 1)
        name, start = raw[at + 1:close], close + 1
        size = _FIXED.get(kind)
        if size is None:
            size = struct.unpack_from('<i', raw, start)[0]
            if kind in (0x02, 0x0D, 0x0E):
                size += 4
            elif kind == 0x05:
                size += 5
            elif kind not in (0x03, 0x04):
                return decode(raw).get('_id', MISSING)
        if name == b'_id':
            body = raw[at:start + size]
            return decode(struct.pack('<i', len(body) + 5) + body + b'\0')['_id']
        at = start + size
    return MISSING


def with_id_first(raw):
    """The server stores _id as the first field, and gives one to a document that has none."""
    if raw[5:9] == b'_id\0':
        return raw
    document = decode(raw)
    identity = document.pop('_id', MISSING)
    return encode({'_id': ObjectId() if identity is MISSING else identity, **document})


@functools.lru_cache(maxsize=2000)
def parts_of(path):
    return tuple(path.split('.'))


def reach(document, parts, at=0):
    """What a dotted path leads to, with a look into every array on the way; not into the last one."""
    if at == len(parts):
        return [document]
    part = parts[at]
    if isinstance(document, dict):
        return reach(document[part], parts, at + 1) if part in document else [MISSING]
    if not isinstance(document, list):
        return [MISSING]
    found = []
    if part.isdigit():
        found += reach(document[int(part)], parts, at + 1) if int(part) < len(document) else []
    for item in document:
        if isinstance(item, dict):
            found += reach(item, parts, at)
    return found or [MISSING]
