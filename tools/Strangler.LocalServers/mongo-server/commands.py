"""The commands, each a coroutine from a context to a reply."""
import asyncio
import copy
import datetime
import itertools
import random
import struct
import time
import uuid

from bson import Binary, Int64, ObjectId
from bson.raw_bson import RawBSONDocument
from mongomock import aggregate as mock_aggregate

import changes
import query
import schema
import update
from errors import CommandError, MustWait
from values import MISSING, decode, encode, order, parts_of, reach

BATCH_BYTES = 16 * 1024 * 1024
FIRST_BATCH = 101
_cursor_numbers = itertools.count(random.getrandbits(40))


def decode_command(raw):
    """Documents to insert stay bytes: most are never looked into."""
    command = decode(raw) if b'insert' not in raw[4:16] else None
    if command is not None:
        return command
    command = {}
    for name, value in RawBSONDocument(raw).items():
        if isinstance(value, RawBSONDocument):
            value = decode(value.raw)
        elif name == 'documents':
            value = [d.raw for d in value]
        command[name] = value
    return command


class Context:
    def __init__(self, server, command, session, transaction, connection, reader):
        self.server, self.command, self.session, self.transaction = server, command, session, transaction
        self.storage, self.connection, self.reader = server.storage, connection, reader
        self.name = next(iter(command))
        self.target = command[self.name]
        self.database = command.get('$db', 'test')
        limit = command.get('maxTimeMS')
        self.deadline = time.monotonic() + limit / 1000 if limit and self.name != 'getMore' else None

    @property
    def namespace(self):
        return '%s.%s' % (self.database, self.target)

    def collection(self, create=False):
        return self.storage.collection(self.namespace, create)

    async def wait(self, event, seconds=None):
        """Until something happens, the session is killed, or time is up (False)."""
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise CommandError(50, 'operation exceeded time limit')
            seconds = left if seconds is None else min(seconds, left)
        waits = [asyncio.ensure_future(event.wait())]
        if self.session is not None:
            waits.append(asyncio.ensure_future(self.session.killed.wait()))
        killed = self.session.killed if self.session is not None else None
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        if killed is not None and killed.is_set():
            raise CommandError(11601, 'operation was interrupted')
        return bool(done)

    async def until_free(self, work):
        """Repeats what met another's open transaction, once that has ended."""
        while True:
            try:
                return work()
            except MustWait as e:
                ended = self.server.sessions.ended
                if not e.transaction.is_over:
                    await self.wait(ended)


COMMANDS = {}


def command(*names):
    def register(function):
        for name in names:
            COMMANDS[name] = function
        return function
    return register


# --- reading

def read(context, collection, filter_document, sort=None, skip=0, limit=0):
    """The bytes of what matches, in order."""
    by_id = sort and list(sort) == ['_id']
    wanted = skip + limit if limit and (not sort or by_id) else 0
    found = list(context.storage.find(collection, filter_document, context.transaction, wanted, bool(by_id and sort['_id'] < 0)))
    if sort and not (by_id and _is_in_id_order(filter_document)):
        pairs = query.sorted_by([(decode(raw), raw) for raw in found], sort, lambda pair: pair[0])
        found = [raw for _, raw in pairs]
    end = skip + limit if limit else None
    return found[skip:end] if skip or end else found


def _is_in_id_order(filter_document):
    fixed = query.equalities(filter_document)
    return not fixed or '_id' in fixed


@command('find')
async def find(context):
    c = context.command
    limit = abs(int(c.get('limit', 0)))
    found = read(context, context.collection(), c.get('filter', {}), c.get('sort'), int(c.get('skip', 0)), limit)
    if c.get('projection'):
        found = [encode(query.project(decode(raw), copy.deepcopy(c['projection']))) for raw in found]
    return open_cursor(context, iter(found), context.namespace, c.get('batchSize'), c.get('singleBatch'))


def open_cursor(context, documents, namespace, batch_size, single=False, number=None):
    first, rest = take(documents, FIRST_BATCH if batch_size is None else int(batch_size))
    is_open = rest is not None and not single
    if is_open:
        number = next(_cursor_numbers)
        context.server.cursors[number] = {'documents': rest, 'ns': namespace, 'session': context.session,
            'transaction': context.transaction}
    is_snapshot = context.transaction is None and context.command.get('readConcern', {}).get('level') == 'snapshot'
    return cursor_reply('firstBatch', first, number if is_open else 0, namespace, {'atClusterTime': context.storage.clock} if is_snapshot else None)


def take(documents, count):
    """A batch, and what is left; None when nothing is."""
    batch, size = [], 0
    for raw in documents:
        if len(batch) >= count or (batch and size + len(raw) > BATCH_BYTES):
            return batch, itertools.chain([raw], documents)
        batch.append(raw)
        size += len(raw)
    return batch, None


_KEYS = [b'%d' % i for i in range(10_000)]


def cursor_reply(field, batch, number, namespace, more=None):
    """By hand, since the documents are bytes already."""
    body = bytearray()
    for i, raw in enumerate(batch):
        body += b'\x03' + (_KEYS[i] if i < 10_000 else b'%d' % i) + b'\0'
        body += raw if isinstance(raw, (bytes, bytearray)) else encode(raw)
    body += b'\0'
    rest = encode({'id': Int64(number), 'ns': namespace, **(more or {})})[4:-1]
    name = field.encode() + b'\0'
    cursor = b'\x04' + name + struct.pack('<i', len(body) + 4) + bytes(body) + rest + b'\0'
    reply = b'\x03cursor\0' + struct.pack('<i', len(cursor) + 4) + cursor + b'\x01ok\0' + struct.pack('<d', 1.0) + b'\0'
    return struct.pack('<i', len(reply) + 4) + reply


@command('getMore')
async def get_more(context):
    number, c = int(context.target), context.command
    cursor = context.server.cursors.get(number)
    if cursor is None:
        raise CommandError(43, 'cursor id %d not found' % number)
    if cursor['session'] is not context.session:
        raise CommandError(50738 if context.session else 50737,
            'Cannot run getMore on cursor %d, which was created in another session' % number)
    if cursor['transaction'] is not context.transaction:
        raise CommandError(50739, 'Cannot run getMore on cursor %d, which was created in another transaction' % number)
    if 'stream' in cursor:
        return await more_changes(context, number, cursor)
    batch_size = c.get('batchSize')
    batch, rest = take(cursor['documents'], int(batch_size) if batch_size else 1 << 31)
    if rest is None:
        del context.server.cursors[number]
        number = 0
    else:
        cursor['documents'] = rest
    return cursor_reply('nextBatch', batch, number, cursor['ns'])


@command('killCursors')
async def kill_cursors(context):
    killed = [n for n in context.command['cursors'] if context.server.cursors.pop(int(n), None) is not None]
    return {'cursorsKilled': killed, 'cursorsNotFound': [n for n in context.command['cursors'] if n not in killed], 'cursorsAlive': [],
        'cursorsUnknown': []}


@command('aggregate')
async def aggregate(context):
    c = context.command
    pipeline = c['pipeline']
    if pipeline and '$changeStream' in pipeline[0]:
        return await watch(context, pipeline)
    namespace = '%s.%s' % (context.database, '$cmd.aggregate' if context.target == 1 else context.target)
    if pipeline and '$documents' in pipeline[0]:
        found, pipeline = list(pipeline[0]['$documents']), pipeline[1:]
    elif pipeline and '$match' in pipeline[0]:
        found, pipeline = [decode(r) for r in read(context, context.collection(), pipeline[0]['$match'])], pipeline[1:]
    else:
        found = [decode(r) for r in read(context, context.collection(), {})]
    found = run_pipeline(context, found, pipeline)
    return open_cursor(context, iter([encode(d) for d in found]), namespace, c.get('cursor', {}).get('batchSize'))


def run_pipeline(context, documents, pipeline):
    for stage in pipeline:
        (name, argument), = stage.items()
        own = STAGES.get(name)
        if own is not None:
            documents = own(context, documents, argument)
        else:
            documents = list(mock_aggregate.process_pipeline(documents, View(context), [stage], None))
    return documents


def union_with(context, documents, argument):
    name, inner = (argument, []) if isinstance(argument, str) else (argument['coll'], argument.get('pipeline', []))
    return documents + run_pipeline(context, View(context).get_collection(name).find({}), inner)


def lookup(context, documents, argument):
    foreign = View(context).get_collection(argument['from'])
    pipeline = argument.get('pipeline', [])
    first = {}
    if pipeline and '$match' in pipeline[0]:
        # By an index, as the server does it.
        first, pipeline = pipeline[0]['$match'], pipeline[1:]
    for document in documents:
        wanted = first
        if 'localField' in argument:
            values = reach(document, parts_of(argument['localField']))
            flat = [v for value in values for v in (value if isinstance(value, list) else [None if value is MISSING else value])]
            wanted = {'$and': [{argument['foreignField']: {'$in': flat}}, first]} if first else {argument['foreignField']: {'$in': flat}}
        if argument.get('let'):
            raise NotImplementedError('$lookup with let')
        document[argument['as']] = run_pipeline(context, foreign.find(wanted), pipeline)
    return documents


def replace_with(context, documents, argument):
    return list(mock_aggregate.process_pipeline(documents, None, [{'$replaceRoot': {'newRoot': argument}}], None))


STAGES = {
    '$match': lambda context, documents, argument: [d for d in documents if query.matches(d, argument)],
    '$sort': lambda context, documents, argument: query.sorted_by(documents, argument),
    '$unionWith': union_with,
    '$lookup': lookup,
    '$replaceWith': replace_with,
    '$unset': lambda context, documents, argument: [
        query.project(d, {f: 0 for f in ([argument] if isinstance(argument, str) else argument)}) for d in documents],
    '$sortByCount': lambda context, documents, argument: query.sorted_by(run_pipeline(context, documents, [
        {'$group': {'_id': argument, 'count': {'$sum': 1}}}]), {'count': -1}),
}


class View:
    """What mongomock's stages take for a database."""

    def __init__(self, context):
        self.context = context

    def get_collection(self, name):
        return ViewCollection(self.context, '%s.%s' % (self.context.database, name))


class ViewCollection:
    def __init__(self, context, namespace):
        self.context, self.collection = context, context.storage.collection(namespace)

    def find(self, filter_document):
        return [decode(raw) for raw in self.context.storage.find(self.collection, filter_document, self.context.transaction)]


@command('count')
async def count(context):
    c = context.command
    found = read(context, context.collection(), c.get('query', {}), None, int(c.get('skip', 0)), int(c.get('limit', 0)))
    return {'n': len(found)}


@command('distinct')
async def distinct(context):
    values = {}
    for raw in read(context, context.collection(), context.command.get('query', {})):
        for value in reach(decode(raw), parts_of(context.command['key'])):
            for one in value if isinstance(value, list) else [value]:
                if one is not MISSING:
                    values.setdefault(order(one), one)
    return {'values': [values[k] for k in sorted(values)]}


# --- change streams

async def watch(context, pipeline):
    stage = pipeline[0]['$changeStream']
    if context.transaction is not None:
        raise CommandError(263, '$changeStream cannot run within a transaction')
    if context.server.set_name is None:
        raise CommandError(40573, 'The $changeStream stage is only supported on replica sets')
    stream = changes.ChangeStream(context.storage, context.database, None if context.target == 1 else context.target, stage, pipeline[1:])
    batch_size = context.command.get('cursor', {}).get('batchSize')
    number = next(_cursor_numbers)
    namespace = '%s.%s' % (context.database, '$cmd.aggregate' if context.target == 1 else context.target)
    batch = [encode(e) for e in stream.next_batch(FIRST_BATCH if batch_size is None else int(batch_size))]
    context.server.cursors[number] = {'stream': stream, 'ns': namespace, 'session': context.session, 'transaction': None}
    return cursor_reply('firstBatch', batch, number, namespace, {'postBatchResumeToken': stream.resume_token()})


async def more_changes(context, number, cursor):
    stream, limit = cursor['stream'], int(context.command.get('batchSize') or 1000)
    end = time.monotonic() + int(context.command.get('maxTimeMS', 1000)) / 1000
    while True:
        changed = context.server.changed
        try:
            batch = stream.next_batch(limit)
        except CommandError:
            context.server.cursors.pop(number, None)
            raise
        left = end - time.monotonic()
        if batch or left <= 0:
            break
        await context.wait(changed, left)
    return cursor_reply('nextBatch', [encode(e) for e in batch], number, cursor['ns'], {'postBatchResumeToken': stream.resume_token()})


# --- writing

def raw_of(document):
    return document if isinstance(document, (bytes, bytearray)) else encode(document)


async def write(context, statements, run):
    """Runs statements one by one, ordered or not, each once: a statement that a client sends again is answered as the first time."""
    ordered = context.command.get('ordered', True)
    number = context.command.get('txnNumber') if context.transaction is None else None
    n, modified, upserted, errors, again = 0, 0, [], [], []
    for i, statement in enumerate(statements):
        known = context.session.retried.get(i) if number is not None else None
        if known is not None:
            again.append(i)
            result = known
        else:
            try:
                result = await context.until_free(lambda s=statement: run(s))
            except CommandError as e:
                if context.transaction is not None and e.code in (112, 251):
                    raise
                if e.code in (50, 11601):
                    raise
                errors.append(e.write_error(i))
                if ordered or context.transaction is not None:
                    break
                continue
            if number is not None:
                remember(context, i, result)
        n += result['n']
        modified += result.get('m', 0)
        if 'u' in result:
            upserted.append({'index': i, '_id': result['u']})
    reply = {'n': n}
    if context.name == 'update':
        reply['nModified'] = modified
        if upserted:
            reply['upserted'] = upserted
    if errors:
        reply['writeErrors'] = errors
    if again:
        reply['retriedStmtIds'] = again
    return reply


def remember(context, statement, result):
    session = context.session
    session.retried[statement] = result
    context.storage.commit_writes({}, session.identity, session.number, {str(k): v for k, v in session.retried.items()})


@command('insert')
async def insert(context):
    collection = context.collection(create=True)

    def run(document):
        context.storage.put(collection, raw_of(document), context.transaction, insert=True)
        return {'n': 1}
    return await write(context, context.command['documents'], run)


@command('update')
async def update_command(context):
    collection = context.collection(create=any(decoded(s).get('upsert') for s in context.command['updates']))
    return await write(context, context.command['updates'], lambda s: run_update(context, collection, decoded(s)))


def decoded(statement):
    return decode(statement) if isinstance(statement, (bytes, bytearray)) else statement


def run_update(context, collection, s):
    if s.get('collation'):
        raise NotImplementedError('collation')
    change, multi = s['u'], s.get('multi', False)
    if context.command.get('txnNumber') is not None and context.transaction is None and multi:
        raise CommandError(72, 'Cannot use retryable writes with multi=true')
    found = list(context.storage.find(collection, s['q'], context.transaction, 0 if multi else 1))
    n = modified = 0
    for raw in found:
        n += 1
        modified += change_one(context, collection, raw, change, s)[1]
    if n or not s.get('upsert'):
        return {'n': n, 'm': modified}
    raw = upsert(context, collection, s['q'], change, s)
    return {'n': 1, 'm': 0, 'u': decode(raw)['_id']}


def change_one(context, collection, raw, change, s):
    """The new bytes, and whether they are others. A change to what is there already writes nothing, and conflicts with nobody."""
    before = decode(raw)
    after = update.apply(before, change, s.get('arrayFilters', ()), s.get('q', s.get('query', {})), database=View(context))
    if order(after.get('_id')) != order(before['_id']):
        raise CommandError(66, "Performing an update on the path '_id' would modify the immutable field '_id'")
    new = encode(after)
    if new == encode(before):
        return raw, 0
    replaced = isinstance(change, dict) and not next(iter(change), '').startswith('$')
    return context.storage.put(collection, new, context.transaction, replaced=replaced), 1


def upsert(context, collection, filter_document, change, s):
    start = {}
    operators = isinstance(change, list) or next(iter(change), '').startswith('$')
    fixed = query.equalities(filter_document)
    if not operators:
        start = {'_id': fixed['_id']} if '_id' in fixed else {}
    else:
        for path, value in fixed.items():
            start = update.apply(start, {'$set': {path: value}})
    document = update.apply(start, change, s.get('arrayFilters', ()), filter_document, is_insert=True, database=View(context))
    if '_id' not in document:
        document = {'_id': ObjectId(), **document}
    return context.storage.put(collection, encode(document), context.transaction, insert=True)


@command('delete')
async def delete(context):
    collection = context.collection()

    def run(s):
        s = decoded(s)
        if collection is None:
            return {'n': 0}
        found = list(context.storage.find(collection, s['q'], context.transaction, int(s.get('limit', 0))))
        for raw in found:
            context.storage.delete(collection, raw, context.transaction)
        return {'n': len(found)}
    return await write(context, context.command['deletes'], run)


@command('findAndModify', 'findandmodify')
async def find_and_modify(context):
    c = context.command
    collection = context.collection(create=bool(c.get('upsert')))
    number = c.get('txnNumber') if context.transaction is None else None
    if number is not None and 0 in context.session.retried:
        return context.session.retried[0]

    def run():
        found = read(context, collection, c.get('query', {}), c.get('sort'), 0, 1) if collection is not None else []
        shown, last = None, {'n': len(found)}
        if c.get('remove'):
            if found:
                context.storage.delete(collection, found[0], context.transaction)
                shown = found[0]
        elif found:
            new, _ = change_one(context, collection, found[0], c['update'], c)
            shown, last = new if c.get('new') else found[0], {'n': 1, 'updatedExisting': True}
        elif c.get('upsert'):
            raw = upsert(context, collection, c.get('query', {}), c['update'], c)
            last = {'n': 1, 'updatedExisting': False, 'upserted': decode(raw)['_id']}
            shown = raw if c.get('new') else None
        else:
            last['updatedExisting'] = False
        value = None if shown is None else query.project(decode(shown), c.get('fields') or {})
        return {'lastErrorObject': last, 'value': value}
    reply = await context.until_free(run)
    if number is not None:
        remember(context, 0, reply)
    return reply


# --- transactions and sessions

@command('commitTransaction')
async def commit_transaction(context):
    context.server.sessions.commit(context.session)
    return {}


@command('abortTransaction')
async def abort_transaction(context):
    context.server.sessions.abort(context.session)
    return {}


@command('startSession')
async def start_session(context):
    return {'id': {'id': Binary(uuid.uuid4().bytes, 4)}, 'timeoutMinutes': 30}


@command('endSessions', 'killSessions')
async def end_sessions(context):
    for lsid in context.target:
        context.server.sessions.kill(bytes(lsid['id']))
    return {}


@command('refreshSessions')
async def refresh_sessions(context):
    return {}


# --- collections and indexes

@command('create')
async def create(context):
    c = context.command
    if context.collection() is not None:
        raise CommandError(48, 'Collection %s already exists.' % context.namespace)
    options = {k: c[k] for k in ('validator', 'validationLevel', 'validationAction', 'capped', 'size') if k in c}
    check_validator(options)
    context.storage.ddl({'ddl': 'create', 'ns': context.namespace, 'o': options})
    return {}


@command('collMod')
async def coll_mod(context):
    if context.collection() is None:
        raise CommandError(26, 'ns does not exist')
    options = {k: context.command[k] for k in ('validator', 'validationLevel', 'validationAction') if k in context.command}
    check_validator(options)
    context.storage.ddl({'ddl': 'options', 'ns': context.namespace, 'o': options})
    return {}


def check_validator(options):
    """A keyword that is not known is found now, not with the first document."""
    json_schema = options.get('validator', {}).get('$jsonSchema')
    if json_schema is not None:
        try:
            known(json_schema)
        except ValueError as e:
            raise CommandError(9, str(e)) from e


def known(json_schema):
    for keyword, argument in json_schema.items():
        if keyword not in schema.CHECKS:
            raise ValueError('Unknown $jsonSchema keyword: %s' % keyword)
        inner = argument.values() if keyword in ('properties', 'patternProperties') else argument if keyword in ('allOf', 'anyOf',
            'oneOf') else \
            [argument] if keyword in ('not', 'additionalProperties') else argument if keyword == 'items' and isinstance(argument,
                list) else \
            [argument] if keyword == 'items' else []
        for one in inner:
            if isinstance(one, dict):
                known(one)


@command('drop')
async def drop(context):
    if context.collection() is None:
        raise CommandError(26, 'ns not found')
    context.storage.ddl({'ddl': 'drop', 'ns': context.namespace})
    return {'ns': context.namespace}


@command('dropDatabase')
async def drop_database(context):
    for namespace in [n for n in context.storage.collections if n.startswith(context.database + '.')]:
        context.storage.ddl({'ddl': 'drop', 'ns': namespace})
    return {'dropped': context.database}


@command('createIndexes')
async def create_indexes(context):
    collection = context.collection(create=True)
    before = len(collection.indexes) + 1
    for spec in context.command['indexes']:
        if list(spec['key']) == ['_id']:
            continue
        old = collection.indexes.get(spec['name'])
        if old is not None:
            if (list(old.key.items()), old.unique, old.partial) != (list(spec['key'].items()), bool(spec.get('unique')),
                spec.get('partialFilterExpression')):
                raise CommandError(86, 'An existing index has the same name as the requested index, and another definition: %s' % spec['name'])
            continue
        if any(list(i.key.items()) == list(spec['key'].items()) and i.partial == spec.get('partialFilterExpression') for i in collection.indexes.values()):
            raise CommandError(85, 'Index already exists with a different name: %s' % spec['name'])
        build(context, collection, spec)
    return {'numIndexesBefore': before, 'numIndexesAfter': len(collection.indexes) + 1}


def build(context, collection, spec):
    context.storage.ddl({'ddl': 'index', 'ns': collection.namespace, 'o': spec})
    index = collection.indexes[spec['name']]
    if not index.unique:
        return
    seen = {}
    for identity, chain in collection.chains.items():
        if chain[-1][1] is None:
            continue
        for key in index.keys(decode(chain[-1][1])):
            if seen.setdefault(key, identity) != identity:
                context.storage.ddl({'ddl': 'dropIndex', 'ns': collection.namespace, 'o': {'name': spec['name']}})
                raise CommandError(11000, 'E11000 duplicate key error collection: %s index: %s dup key: { … }' % (collection.namespace,
                    spec['name']),
                                   keyPattern=dict(index.key))


@command('dropIndexes')
async def drop_indexes(context):
    collection = context.collection()
    if collection is None:
        raise CommandError(26, 'ns not found')
    wanted = context.command['index']
    names = list(collection.indexes) if wanted == '*' else [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in collection.indexes:
            raise CommandError(27, 'index not found with name [%s]' % name)
        context.storage.ddl({'ddl': 'dropIndex', 'ns': collection.namespace, 'o': {'name': name}})
    return {}


@command('listIndexes')
async def list_indexes(context):
    collection = context.collection()
    if collection is None:
        raise CommandError(26, 'ns does not exist: %s' % context.namespace)
    found = [{'v': 2, 'key': {'_id': 1}, 'name': '_id_'}] + [{'v': 2, **i.spec} for i in collection.indexes.values()]
    return open_cursor(context, iter([encode(d) for d in found]), context.namespace, None)


@command('listCollections')
async def list_collections(context):
    found = []
    for namespace, collection in sorted(context.storage.collections.items()):
        database, _, name = namespace.partition('.')
        entry = {'name': name, 'type': 'collection', 'options': collection.options,
            'info': {'readOnly': False, 'uuid': Binary(collection.uuid, 4)},
                 'idIndex': {'v': 2, 'key': {'_id': 1}, 'name': '_id_'}}
        if database == context.database and query.matches(entry, context.command.get('filter', {})):
            found.append(entry)
    return open_cursor(context, iter([encode(d) for d in found]), context.database + '.$cmd.listCollections', None)


@command('listDatabases')
async def list_databases(context):
    names = sorted({n.partition('.')[0] for n in context.storage.collections})
    return {'databases': [{'name': n, 'sizeOnDisk': Int64(1), 'empty': False} for n in names], 'totalSize': Int64(len(names))}


# --- the server itself

@command('hello', 'ismaster', 'isMaster')
async def hello(context):
    return context.server.hello(context.connection)


@command('ping')
async def ping(context):
    return {}


@command('buildInfo', 'buildinfo')
async def build_info(context):
    return {'version': '6.0.0', 'versionArray': [6, 0, 0, 0], 'gitVersion': 'strangler-test-server', 'maxBsonObjectSize': 16777216,
        'modules': [],
            'sysInfo': 'test'}


@command('serverStatus')
async def server_status(context):
    return {'host': '127.0.0.1:%d' % context.server.port, 'version': '6.0.0', 'process': 'strangler-test-server', 'uptime': 1.0,
            'localTime': datetime.datetime.utcnow(), 'connections': {'current': context.server.connections},
            'transactions': {'currentOpen': Int64(len(context.storage.open_transactions))},
            'globalLock': {'activeClients': {'total': 1}},
            'readConcernCounters': {'afterClusterTime': Int64(context.server.counts.get('afterClusterTime', 0))},
            'opcounters': {name: Int64(context.server.counts.get(name, 0)) for name in ('insert', 'update', 'delete')},
            'metrics': {'cursor': {'open': {'total': Int64(len(context.server.cursors))}}}}


@command('getParameter', 'replSetGetStatus', 'getCmdLineOpts', 'connectionStatus')
async def nothing_much(context):
    return {'authInfo': {'authenticatedUsers': []}}


@command('configureFailPoint')
async def configure_fail_point(context):
    c = context.command
    if context.target != 'failCommand':
        raise CommandError(9, 'only failCommand')
    context.server.fail_point = None if c['mode'] == 'off' else {'mode': c['mode'], 'data': c.get('data', {})}
    return {}


@command('trimOplog')
async def trim_oplog(context):
    """Of this server only: forgets changes, as an oplog does that is too small."""
    context.storage.trim_oplog(int(context.command.get('keep', 0)))
    return {}

