"""$jsonSchema as validators use it. https://www.mongodb.com/docs/manual/reference/operator/query/jsonSchema/"""
import re

from values import has_type, is_number, order

JSON_TYPES = {'object': 'object', 'array': 'array', 'string': 'string', 'boolean': 'bool', 'number': 'number', 'null': 'null'}


def is_valid(value, schema):
    return first_problem(value, schema, '') is None


def first_problem(value, schema, path):
    """Where and against which keyword a value fails; None when it does not."""
    for keyword, argument in schema.items():
        check = CHECKS.get(keyword)
        if check is None:
            raise ValueError('$jsonSchema keyword %s is not known here' % keyword)
        problem = check(value, argument, schema, path)
        if problem:
            return problem if isinstance(problem, tuple) else (path, keyword)
    return None


def wrong_type(value, argument, schema, path):
    wanted = argument if isinstance(argument, list) else [argument]
    return not any(has_type(value, t) for t in wanted)


def wrong_json_type(value, argument, schema, path):
    wanted = argument if isinstance(argument, list) else [argument]
    return not any(has_type(value, JSON_TYPES[t]) for t in wanted)


def properties(value, argument, schema, path):
    if isinstance(value, dict):
        for name, inner in argument.items():
            if name in value and (problem := first_problem(value[name], inner, path + '.' + name if path else name)):
                return problem
    return None


def additional_properties(value, argument, schema, path):
    if not isinstance(value, dict) or argument is True:
        return None
    patterns = [re.compile(p) for p in schema.get('patternProperties', {})]
    for name, inner in value.items():
        if name in schema.get('properties', {}) or any(p.search(name) for p in patterns):
            continue
        if argument is False:
            return (path + '.' + name if path else name, 'additionalProperties')
        if problem := first_problem(inner, argument, name):
            return problem
    return None


def pattern_properties(value, argument, schema, path):
    if isinstance(value, dict):
        for pattern, inner in argument.items():
            for name, field in value.items():
                if re.search(pattern, name) and (problem := first_problem(field, inner, name)):
                    return problem
    return None


def items(value, argument, schema, path):
    if isinstance(value, list):
        for i, item in enumerate(value):
            inner = argument[i] if isinstance(argument, list) and i < len(argument) else argument
            if isinstance(inner, dict) and (problem := first_problem(item, inner, '%s.%d' % (path, i))):
                return problem
    return None


def bound(test):
    return lambda value, argument, schema, path: is_number(value) and not test(value, argument, schema)


CHECKS = {
    'bsonType': wrong_type,
    'type': wrong_json_type,
    'required': lambda v, a, s, p: next(((p + '.' + n if p else n, 'required') for n in a if n not in v), None) if isinstance(v,
        dict) else None,
    'properties': properties,
    'additionalProperties': additional_properties,
    'patternProperties': pattern_properties,
    'enum': lambda v, a, s, p: order(v) not in [order(x) for x in a],
    'minimum': bound(lambda v, a, s: order(v) > order(a) if s.get('exclusiveMinimum') is True else order(v) >= order(a)),
    'maximum': bound(lambda v, a, s: order(v) < order(a) if s.get('exclusiveMaximum') is True else order(v) <= order(a)),
    'exclusiveMinimum': lambda v, a, s, p: False,
    'exclusiveMaximum': lambda v, a, s, p: False,
    'multipleOf': lambda v, a, s, p: is_number(v) and v % a != 0,
    'minLength': lambda v, a, s, p: isinstance(v, str) and len(v) < a,
    'maxLength': lambda v, a, s, p: isinstance(v, str) and len(v) > a,
    'pattern': lambda v, a, s, p: isinstance(v, str) and re.search(a, v) is None,
    'items': items,
    'additionalItems': lambda v, a, s, p: isinstance(v, list) and a is False and isinstance(s.get('items'),
        list) and len(v) > len(s['items']),
    'minItems': lambda v, a, s, p: isinstance(v, list) and len(v) < a,
    'maxItems': lambda v, a, s, p: isinstance(v, list) and len(v) > a,
    'uniqueItems': lambda v, a, s, p: a and isinstance(v, list) and len({order(i) for i in v}) < len(v),
    'minProperties': lambda v, a, s, p: isinstance(v, dict) and len(v) < a,
    'maxProperties': lambda v, a, s, p: isinstance(v, dict) and len(v) > a,
    'dependencies': lambda v, a, s, p: isinstance(v, dict) and any(
        n in v and (any(d not in v for d in need) if isinstance(need, list) else first_problem(v, need, p)) for n, need in a.items()),
    'allOf': lambda v, a, s, p: next((x for x in (first_problem(v, i, p) for i in a) if x), None),
    'anyOf': lambda v, a, s, p: all(first_problem(v, i, p) for i in a),
    'oneOf': lambda v, a, s, p: sum(1 for i in a if not first_problem(v, i, p)) != 1,
    'not': lambda v, a, s, p: first_problem(v, a, p) is None,
    'title': lambda v, a, s, p: False,
    'description': lambda v, a, s, p: False,
}
