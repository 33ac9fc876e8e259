"""Update operators, replacements and pipelines."""
import copy
import datetime

from mongomock import aggregate as mock_aggregate

import query
from errors import CommandError
from values import MISSING, Int64, Timestamp, add, encode, is_number, order, same


def apply(document, change, filters=(), filter_query=None, is_insert=False, database=None):
    """A changed copy."""
    if isinstance(change, list):
        return list(mock_aggregate.process_pipeline([copy.deepcopy(document)], database, copy.deepcopy(change), None))[0]
    if not change or not next(iter(change)).startswith('$'):
        identity = change.get('_id', document.get('_id', MISSING))
        rest = {k: v for k, v in change.items() if k != '_id'}
        return rest if identity is MISSING else {'_id': identity, **rest}
    result = copy.deepcopy(document)
    place = Places(result, filters, filter_query or {}, document)
    for operator, fields in change.items():
        run = OPERATORS.get(operator)
        if run is None:
            raise CommandError(9, 'Unknown modifier: %s' % operator)
        if operator == '$setOnInsert' and not is_insert:
            continue
        for path, argument in fields.items():
            run(place, path, argument)
    return result


class Places:
    """Finds the containers that a path with positional parts leads to, and makes them where an operator needs them."""

    def __init__(self, document, filters, filter_query, original):
        self.document, self.query, self.original = document, filter_query, original
        self.filters = {next(iter(f)).split('.')[0]: f for f in filters}

    def at(self, path, make):
        yield from self._walk(self.document, path.split('.'), make, path)

    def _walk(self, container, parts, make, path):
        part, rest = parts[0], parts[1:]
        if part.startswith('$'):
            for index in self._positions(container, part, path):
                yield from self._into(container, index, rest, make, path)
        elif isinstance(container, list):
            if not part.isdigit():
                raise CommandError(28, "Cannot create field '%s' in an array" % part)
            yield from self._into(container, int(part), rest, make, path)
        elif isinstance(container, dict):
            yield from self._into(container, part, rest, make, path)
        elif make:
            raise CommandError(28, "Cannot create field '%s' in an element that is no document" % part)

    def _into(self, container, key, rest, make, path):
        if not rest:
            yield container, key
            return
        inner = get(container, key)
        if inner is MISSING or inner is None and make:
            if not make:
                return
            if inner is None:
                raise CommandError(28, "Cannot create field '%s' in an element that is null" % rest[0])
            inner = {}
            put(container, key, inner)
        yield from self._walk(inner, rest, make, path)

    def _positions(self, container, part, path):
        if not isinstance(container, list):
            raise CommandError(2, 'The path %s must lead to an array' % path)
        if part == '$[]':
            return range(len(container))
        if part == '$':
            before = path.split('.$')[0]
            for i, item in enumerate(container):
                if self._matched(before, item):
                    return [i]
            raise CommandError(2, 'The positional operator did not find the match needed from the query.')
        name = part[2:-1]
        if name not in self.filters:
            raise CommandError(2, "No array filter found for identifier '%s'" % name)
        test = self.filters[name]
        return [i for i, item in enumerate(container) if query.matches({name: item}, test)]

    def _matched(self, path, item):
        for key, wanted in self.query.items():
            if key == path:
                inner = wanted['$elemMatch'] if isinstance(wanted, dict) and '$elemMatch' in wanted else wanted
                if inner is not wanted and isinstance(item, dict) and not query.is_operators(inner):
                    if query.matches(item, inner):
                        return True
                elif query.field_matches([item], inner):
                    return True
            elif key.startswith(path + '.') and isinstance(item, dict) and query.matches(item, {key[len(path) + 1:]: wanted}):
                return True
        return False


def get(container, key):
    if isinstance(container, list):
        return container[key] if key < len(container) else MISSING
    return container.get(key, MISSING)


def put(container, key, value):
    if isinstance(container, list):
        if key > 1_500_000:
            raise CommandError(2, 'the array would become too long')
        container += [None] * (key + 1 - len(container))
    container[key] = value


def setting(compute):
    def run(place, path, argument):
        for container, key in place.at(path, make=True):
            new = compute(get(container, key), argument)
            if new is not MISSING:
                put(container, key, copy.deepcopy(new))
    return run


def unset(place, path, argument):
    for container, key in place.at(path, make=False):
        if isinstance(container, list):
            if key < len(container):
                container[key] = None
        else:
            container.pop(key, None)


def arithmetic(multiply):
    def compute(old, argument):
        if not is_number(argument) or (old is not MISSING and not is_number(old)):
            raise CommandError(14, 'Cannot compute with a value that is no number')
        try:
            return add(0 if old is MISSING else old, argument, multiply) if old is not MISSING or multiply else argument
        except OverflowError as e:
            raise CommandError(2, str(e)) from e
    return compute


def rename(place, path, argument):
    for container, key in list(place.at(path, make=False)):
        value = get(container, key)
        if value is not MISSING:
            container.pop(key)
            for target, name in place.at(argument, make=True):
                target.pop(name, None)
                put(target, name, value)


def array(old, what):
    if old is MISSING:
        return []
    if not isinstance(old, list):
        raise CommandError(2, 'The field must be an array for %s' % what)
    return old


def push(old, argument):
    items = list(array(old, '$push'))
    if not isinstance(argument, dict) or '$each' not in argument:
        return items + [argument]
    at = argument.get('$position', len(items))
    items[at:at] = argument['$each']
    how = argument.get('$sort')
    if isinstance(how, dict):
        items = query.sorted_by(items, how)
    elif how:
        items.sort(key=order, reverse=how < 0)
    if '$slice' in argument:
        count = argument['$slice']
        items = items[:count] if count >= 0 else items[count:]
    return items


def add_to_set(old, argument):
    items = list(array(old, '$addToSet'))
    for value in argument['$each'] if isinstance(argument, dict) and '$each' in argument else [argument]:
        if not any(same(value, item) for item in items):
            items.append(value)
    return items


def pull(old, argument):
    if old is MISSING:
        return MISSING

    def goes(item):
        if isinstance(argument, dict) and not query.is_operators(argument):
            return isinstance(item, dict) and query.matches(item, argument)
        return query.field_matches([item], argument) if isinstance(argument, dict) else same(item, argument)
    return [item for item in array(old, '$pull') if not goes(item)]


def current_date(old, argument):
    now = datetime.datetime.utcnow()
    if isinstance(argument, dict) and argument.get('$type') == 'timestamp':
        return Timestamp(int(now.timestamp()), 1)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def bits(old, argument):
    value = 0 if old is MISSING else old
    for name, number in argument.items():
        value = {'and': int(value) & int(number), 'or': int(value) | int(number), 'xor': int(value) ^ int(number)}[name]
    return Int64(value) if isinstance(old, Int64) else value


OPERATORS = {
    '$set': setting(lambda old, argument: argument),
    '$setOnInsert': setting(lambda old, argument: argument),
    '$unset': unset,
    '$inc': setting(arithmetic(False)),
    '$mul': setting(arithmetic(True)),
    '$min': setting(lambda old, argument: argument if old is MISSING or order(argument) < order(old) else MISSING),
    '$max': setting(lambda old, argument: argument if old is MISSING or order(argument) > order(old) else MISSING),
    '$rename': rename,
    '$push': setting(push),
    '$addToSet': setting(add_to_set),
    '$pull': setting(pull),
    '$pullAll': setting(lambda old,
        argument: MISSING if old is MISSING else [i for i in array(old, '$pullAll') if not any(same(i, a) for a in argument)]),
    '$pop': setting(lambda old, argument: MISSING if old is MISSING else (array(old, '$pop')[:-1] if argument > 0 else old[1:])),
    '$currentDate': setting(current_date),
    '$bit': setting(bits),
}


def difference(before, after, prefix=''):
    """What a change stream says of an update: (updated fields, removed fields)."""
    updated, removed = {}, []
    for name, value in after.items():
        path = prefix + name
        if name not in before:
            updated[path] = value
        elif isinstance(value, dict) and isinstance(before[name], dict):
            inner = difference(before[name], value, path + '.')
            updated.update(inner[0])
            removed += inner[1]
        elif encode({'v': value}) != encode({'v': before[name]}):
            updated[path] = value
    removed += [prefix + name for name in before if name not in after]
    return updated, removed
