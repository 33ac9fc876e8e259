"""Filters, sorts and projections. mongomock's own compare as Python does (True is 1, no Decimal128), so only its expressions are used."""
import datetime
import re

from bson import Regex
from mongomock import aggregate as mock_aggregate

import schema
from errors import CommandError
from values import MISSING, has_type, is_number, order, parts_of, reach


def matches(document, query):
    for key, wanted in query.items():
        if key in ('$comment', '$hint'):
            continue
        if key == '$and':
            if not all(matches(document, q) for q in wanted):
                return False
        elif key == '$or':
            if not any(matches(document, q) for q in wanted):
                return False
        elif key == '$nor':
            if any(matches(document, q) for q in wanted):
                return False
        elif key == '$expr':
            if not mock_aggregate._parse_expression(with_now(wanted), document, ignore_missing_keys=True):
                return False
        elif key == '$jsonSchema':
            if not schema.is_valid(document, wanted):
                return False
        elif key.startswith('$'):
            raise CommandError(2, 'unknown top level operator: ' + key)
        elif not field_matches(reach(document, parts_of(key)), wanted):
            return False
    return True


def with_now(expression):
    """mongomock has no $$NOW."""
    if isinstance(expression, dict):
        return {name: with_now(value) for name, value in expression.items()}
    if isinstance(expression, list):
        return [with_now(value) for value in expression]
    return datetime.datetime.utcnow() if expression == '$$NOW' else expression


def is_operators(wanted):
    return isinstance(wanted, dict) and bool(wanted) and next(iter(wanted)).startswith('$') and next(iter(wanted)) not in ('$ref', '$id',
        '$db')


def field_matches(values, wanted):
    if not is_operators(wanted):
        return any_equal(values, wanted)
    for name, argument in wanted.items():
        if name == '$options':
            continue
        if name == '$regex':
            if not any_regex(values, as_regex(argument, wanted.get('$options', ''))):
                return False
            continue
        operator = OPERATORS.get(name)
        if operator is None:
            raise CommandError(2, 'unknown operator: ' + name)
        if not operator(values, argument):
            return False
    return True


def expanded(values):
    """The values, and those within arrays among them."""
    for value in values:
        yield value
        if isinstance(value, list):
            yield from value


def any_equal(values, wanted):
    if isinstance(wanted, (Regex, re.Pattern)):
        return any_regex(values, as_regex(wanted, ''))
    key = order(wanted)
    return any(order(value) == key for value in expanded(values))


def as_regex(argument, options):
    if isinstance(argument, Regex):
        return argument.try_compile()
    if isinstance(argument, re.Pattern):
        return argument
    flags = 0
    for letter in options:
        flags |= {'i': re.I, 'm': re.M, 's': re.S, 'x': re.X}.get(letter, 0)
    return re.compile(argument, flags)


def any_regex(values, regex):
    return any(isinstance(value, str) and regex.search(value) is not None for value in expanded(values))


def compare(test):
    def run(values, argument):
        key = order(argument)
        for value in expanded(values):
            if value is MISSING and argument is not None:
                continue
            mine = order(value)
            # Only within a type, but for the two ends of everything.
            if (mine[0] == key[0] or key[0] in (-1, 127)) and test(mine, key):
                return True
        return False
    return run


def is_in(values, argument):
    if not isinstance(argument, list):
        raise CommandError(2, '$in needs an array')
    keys = {order(a) for a in argument if not isinstance(a, (Regex, re.Pattern))}
    return any(order(v) in keys for v in expanded(values)) \
        or any(any_regex(values, as_regex(a, '')) for a in argument if isinstance(a, (Regex, re.Pattern)))


def elem_match(values, argument):
    for value in values:
        if isinstance(value, list):
            for item in value:
                if is_operators(argument) and next(iter(argument)) not in ('$and', '$or', '$nor'):
                    if field_matches([item], argument):
                        return True
                elif isinstance(item, dict) and matches(item, argument):
                    return True
    return False


def all_of(values, argument):
    return bool(argument) and all(elem_match(values, a['$elemMatch']) if isinstance(a, dict) and '$elemMatch' in a else any_equal(values, a)
                                  for a in argument)


OPERATORS = {
    '$eq': any_equal,
    '$ne': lambda values, argument: not any_equal(values, argument),
    '$gt': compare(lambda a, b: a > b),
    '$gte': compare(lambda a, b: a >= b),
    '$lt': compare(lambda a, b: a < b),
    '$lte': compare(lambda a, b: a <= b),
    '$in': is_in,
    '$nin': lambda values, argument: not is_in(values, argument),
    '$exists': lambda values, argument: any(v is not MISSING for v in values) == bool(argument),
    '$type': lambda values, argument: any(v is not MISSING and any(has_type(v,
        t) for t in (argument if isinstance(argument, list) else [argument]))
                                          for v in expanded(values)),
    '$not': lambda values, argument: not (field_matches(values, argument)),
    '$elemMatch': elem_match,
    '$all': all_of,
    '$size': lambda values, argument: any(isinstance(v, list) and len(v) == argument for v in values),
    '$mod': lambda values, argument: any(is_number(v) and int(v) % int(argument[0]) == int(argument[1]) for v in expanded(values)),
}


def sort_key(document, field, descending):
    """An array sorts by its smallest value, or by its greatest."""
    keys = []
    for value in reach(document, parts_of(field)):
        if isinstance(value, list):
            keys += [order(item) for item in value] or [(4,)]
        else:
            keys.append(order(value))
    return max(keys) if descending else min(keys)


def sorted_by(documents, spec, document_of=lambda d: d):
    for field, direction in reversed(list(spec.items())):
        if field == '$natural':
            documents = documents if direction > 0 else list(reversed(documents))
            continue
        documents = sorted(documents, key=lambda d, f=field, r=direction < 0: sort_key(document_of(d), f, r), reverse=direction < 0)
    return documents


def project(document, spec):
    """Inclusion, exclusion, $slice and $elemMatch; expressions go through the aggregation."""
    if not spec:
        return document
    plain = {k: v for k, v in spec.items() if not isinstance(v, dict)}
    if any(isinstance(v, (str, list)) for v in plain.values()) or any(not set(v) & {'$slice',
        '$elemMatch'} for v in spec.values() if isinstance(v, dict)):
        return list(mock_aggregate.process_pipeline([document], None, [{'$project': dict(spec)}], None))[0]
    includes = [k for k, v in plain.items() if k != '_id' and v]
    excludes = [k for k, v in plain.items() if not v]
    if includes or (plain.get('_id') and not excludes):
        result = {'_id': document['_id']} if '_id' in document and spec.get('_id', 1) else {}
        for name, value in document.items():
            if name == '_id':
                continue
            kept = keep(value, [parts_of(p)[1:] for p in includes if parts_of(p)[0] == name])
            if kept is not MISSING:
                result[name] = kept
    else:
        result = drop(document, [parts_of(p) for p in excludes])
    for name, v in spec.items():
        if isinstance(v, dict) and isinstance(document.get(name), list):
            result[name] = shaped(document[name], v)
            if result[name] is MISSING:
                del result[name]
    return result


def keep(value, paths):
    if not paths:
        return MISSING
    if () in paths:
        return value
    if isinstance(value, list):
        kept = [keep(item, paths) for item in value if isinstance(item, (dict, list))]
        return [item for item in kept if item is not MISSING]
    if not isinstance(value, dict):
        return MISSING
    result = {}
    for name, inner in value.items():
        kept = keep(inner, [p[1:] for p in paths if p[0] == name])
        if kept is not MISSING:
            result[name] = kept
    return result


def drop(value, paths):
    if isinstance(value, list):
        return [drop(item, paths) for item in value]
    if not isinstance(value, dict):
        return value
    gone = {p[0] for p in paths if len(p) == 1}
    return {name: drop(inner, [p[1:] for p in paths if len(p) > 1 and p[0] == name]) for name, inner in value.items() if name not in gone}


def shaped(items, how):
    if '$slice' in how:
        count = how['$slice']
        if isinstance(count, list):
            start = count[0] if count[0] >= 0 else max(0, len(items) + count[0])
            return items[start:start + count[1]]
        return items[:count] if count >= 0 else items[count:]
    for item in items:
        if elem_match([[item]], how['$elemMatch']):
            return [item]
    return MISSING


def equalities(query):
    """Fields that a filter fixes to one value: what an upsert starts from, and an index is looked up by."""
    found = {}
    for key, wanted in query.items():
        if key == '$and':
            for part in wanted:
                found.update(equalities(part))
        elif key.startswith('$') or isinstance(wanted, (Regex, re.Pattern)):
            continue
        elif not is_operators(wanted):
            found[key] = wanted
        elif '$eq' in wanted:
            found[key] = wanted['$eq']
        elif '$in' in wanted and len(wanted['$in']) == 1:
            found[key] = wanted['$in'][0]
    return found
