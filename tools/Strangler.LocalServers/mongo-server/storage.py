"""
Documents in versions, indexes, and a log on the disk.

Every commit has a time. A document is a list of (time,
    bytes), the newest last; a snapshot sees the newest that is not younger than itself. A transaction
keeps its writes to itself until it commits; who else writes to one of its documents meanwhile gets a write conflict (in a transaction) or has to wait.
The server is one thread, and nothing here waits: whatever one call does, nobody sees half of it.
"""
import bisect
import os
import struct
import time
import zlib

from bson import Timestamp

import query
import schema
from errors import CommandError, MustWait, write_conflict
from values import MISSING, decode, encode, id_of, order, parts_of, reach, with_id_first

MAX_DOCUMENT = 16 * 1024 * 1024


class Index:
    def __init__(self, spec):
        self.name, self.key, self.unique = spec['name'], spec['key'], bool(spec.get('unique'))
        self.partial, self.sparse, self.spec = spec.get('partialFilterExpression'), bool(spec.get('sparse')), spec
        self.fields = [parts_of(f) for f in self.key]
        self.entries = []
        self.counts = {}

    def keys(self, document):
        if self.partial is not None and not query.matches(document, self.partial):
            return []
        if self.sparse and all(v is MISSING for f in self.fields for v in reach(document, f)):
            return []
        keys = [()]
        for field in self.fields:
            values = []
            for value in reach(document, field):
                values += [order(item) for item in value] + [order(value)] if isinstance(value, list) else [order(value)]
            keys = [k + (v,) for k in keys for v in dict.fromkeys(values)]
        return keys

    def add(self, document, identity):
        for key in self.keys(document):
            entry = (key, identity)
            count = self.counts.get(entry, 0)
            self.counts[entry] = count + 1
            if count == 0:
                if not self.entries or self.entries[-1] < entry:
                    self.entries.append(entry)
                else:
                    bisect.insort(self.entries, entry)

    def remove(self, document, identity):
        for key in self.keys(document):
            entry = (key, identity)
            count = self.counts[entry] - 1
            if count:
                self.counts[entry] = count
            else:
                del self.counts[entry]
                del self.entries[bisect.bisect_left(self.entries, entry)]

    def with_prefix(self, prefix):
        at = bisect.bisect_left(self.entries, (prefix,))
        while at < len(self.entries) and self.entries[at][0][:len(prefix)] == prefix:
            yield self.entries[at]
            at += 1


class Collection:
    def __init__(self, namespace, options):
        self.namespace, self.options = namespace, options
        self.uuid = os.urandom(16)
        self.chains = {}
        self.pending = {}
        self.ids = []
        self.ids_sorted = True
        self.indexes = {}

    def ordered_ids(self):
        if not self.ids_sorted:
            self.ids.sort()
            self.ids_sorted = True
        return self.ids

    def add_id(self, identity):
        if self.ids and not self.ids[-1] < identity:
            self.ids_sorted = False
        self.ids.append(identity)

    def validator_problem(self, raw):
        validator = self.options.get('validator')
        if not validator or self.options.get('validationAction') == 'warn' or self.options.get('validationLevel') == 'off':
            return None
        document = decode(raw)
        rest = {k: v for k, v in validator.items() if k != '$jsonSchema'}
        if rest and not query.matches(document, rest):
            return ('', 'the filter of the validator')
        return schema.first_problem(document, validator['$jsonSchema'], '') if '$jsonSchema' in validator else None


class Transaction:
    """What one transaction has written: (collection, id) -> (bytes or None, whether they replace the whole document)."""

    def __init__(self, read_time, session=None, number=None):
        self.read_time, self.session, self.number = read_time, session, number
        self.writes = {}
        self.is_over = False
        self.began = time.monotonic()


class Storage:
    def __init__(self, folder, oplog_size):
        self.collections = {}
        self.clock = Timestamp(int(time.time()), 1)
        self.open_transactions = set()
        self.oplog = []
        self.oplog_size = oplog_size
        self.dropped_until = Timestamp(0, 0)
        self.stale = set()
        self.outcomes = {}
        self.listeners = []
        self.log = None
        self.path = os.path.join(folder, 'log.bson')
        self._replay()
        self.log = open(self.path, 'ab', buffering=0)

    # --- collections

    def collection(self, namespace, create=False):
        found = self.collections.get(namespace)
        if found is None and create:
            if '.' not in namespace or namespace.endswith('.') or '$' in namespace:
                raise CommandError(73, 'Invalid namespace specified: %s' % namespace)
            self.write_log({'ddl': 'create', 'ns': namespace, 'o': {}})
            found = self.apply_ddl({'ddl': 'create', 'ns': namespace, 'o': {}})
        return found

    def ddl(self, record):
        self.write_log(record)
        return self.apply_ddl(record)

    def apply_ddl(self, record):
        kind, namespace = record['ddl'], record['ns']
        if kind == 'create':
            self.collections[namespace] = Collection(namespace, record['o'])
            return self.collections[namespace]
        if kind == 'drop':
            gone = self.collections.pop(namespace)
            self._event({'op': 'drop', 'ns': namespace})
            return gone
        target = self.collections[namespace]
        if kind == 'index':
            index = target.indexes[record['o']['name']] = Index(record['o'])
            for identity, chain in target.chains.items():
                for _, raw in chain:
                    if raw is not None:
                        index.add(decode(raw), identity)
        elif kind == 'dropIndex':
            target.indexes.pop(record['o']['name'])
        elif kind == 'options':
            target.options = {**target.options, **record['o']}
        return target

    # --- reading

    def read(self, collection, identity, transaction):
        """The bytes as a transaction sees them, or as they are now."""
        if transaction is not None:
            written = transaction.writes.get((collection, identity))
            if written is not None:
                return written[0]
            return self.at(collection.chains.get(identity), transaction.read_time)
        chain = collection.chains.get(identity)
        return chain[-1][1] if chain else None

    @staticmethod
    def at(chain, moment):
        for committed, raw in reversed(chain or ()):
            if committed <= moment:
                return raw
        return None

    def candidates(self, collection, filter_document, transaction):
        """Ids among which all that match are; in the order of _id where no index serves."""
        found = query.equalities(filter_document)
        if '_id' in found:
            return [order(found['_id'])]
        wanted = filter_document.get('_id')
        if query.is_operators(wanted) and isinstance(wanted.get('$in'), list):
            return sorted({order(v) for v in wanted['$in']})
        best, length = None, 0
        for index in collection.indexes.values():
            prefix = 0
            for field in index.key:
                if field not in found or isinstance(found[field], (list, dict)):
                    break
                prefix += 1
            # A partial index holds only what its own filter takes.
            if prefix > length and index.partial is None and not index.sparse:
                best, length = index, prefix
        if best is not None:
            prefix = tuple(order(found[f]) for f in list(best.key)[:length])
            return list(dict.fromkeys(identity for _, identity in best.with_prefix(prefix)))
        ids = collection.ordered_ids()
        if transaction is not None:
            # What it has inserted itself is in no list yet.
            own = [i for (c, i) in transaction.writes if c is collection and i not in collection.chains]
            ids = sorted(ids + own) if own else ids
        if query.is_operators(wanted):
            low, high = 0, len(ids)
            for name, argument in wanted.items():
                if name in ('$gt', '$gte'):
                    side = bisect.bisect_right if name == '$gt' else bisect.bisect_left
                    low = max(low, side(ids, order(argument)))
                elif name in ('$lt', '$lte'):
                    side = bisect.bisect_left if name == '$lt' else bisect.bisect_right
                    high = min(high, side(ids, order(argument)))
            return ids[low:high]
        return ids

    def find(self, collection, filter_document, transaction, limit=0, descending_ids=False):
        """The bytes of what matches. A filter on _id alone needs no look into the document."""
        if collection is None:
            return
        ids = self.candidates(collection, filter_document, transaction)
        exact = not filter_document or (set(filter_document) == {'_id'} and not isinstance(filter_document['_id'], (list, dict)))
        count = 0
        for identity in (reversed(ids) if descending_ids else ids):
            raw = self.read(collection, identity, transaction)
            if raw is not None and (exact or query.matches(decode(raw), filter_document)):
                yield raw
                count += 1
                if count == limit:
                    return

    # --- writing

    def begin(self, session=None, number=None):
        transaction = Transaction(self.clock, session, number)
        self.open_transactions.add(transaction)
        return transaction

    def put(self, collection, raw, transaction, insert=False, replaced=False):
        if insert:
            raw = with_id_first(raw)
        if len(raw) > MAX_DOCUMENT:
            raise CommandError(10334, 'BSONObj size: %d is invalid. Size must be between 0 and 16793600(16MB)' % len(raw))
        identity = order(id_of(raw))
        self._lock(collection, identity, transaction)
        if insert and self.newest(collection, identity, transaction) is not None:
            raise self._duplicate(collection, '_id_', {'_id': 1}, transaction, identity)
        problem = collection.validator_problem(raw)
        if problem:
            raise CommandError(121, 'Document failed validation', errInfo={'failingDocumentId': id_of(raw), 'details': {
                'operatorName': '$jsonSchema', 'field': problem[0], 'keyword': str(problem[1])}})
        self._check_unique(collection, identity, raw, transaction)
        self._write(collection, identity, raw, transaction, replaced)
        return raw

    def delete(self, collection, raw, transaction):
        identity = order(id_of(raw))
        self._lock(collection, identity, transaction)
        self._write(collection, identity, None, transaction)

    def newest(self, collection, identity, transaction):
        """What a uniqueness check has to look at: own writes, else what was committed last, whatever the snapshot."""
        if transaction is not None and (collection, identity) in transaction.writes:
            return transaction.writes[(collection, identity)][0]
        chain = collection.chains.get(identity)
        return chain[-1][1] if chain else None

    def _lock(self, collection, identity, transaction):
        other = collection.pending.get(identity)
        if other is not None and other is not transaction:
            if transaction is not None:
                raise write_conflict()
            raise MustWait(other)
        chain = collection.chains.get(identity)
        if transaction is not None and chain and chain[-1][0] > transaction.read_time:
            raise write_conflict()

    def _check_unique(self, collection, identity, raw, transaction):
        for index in collection.indexes.values():
            if not index.unique:
                continue
            for key in index.keys(decode(raw)):
                for _, other in list(index.with_prefix(key)):
                    if other == identity:
                        continue
                    self._check_other(collection, index, key, other, transaction)

    def _check_other(self, collection, index, key, other, transaction):
        holder = collection.pending.get(other)
        if holder is not None and holder is not transaction:
            if transaction is not None:
                raise write_conflict()
            raise MustWait(holder)
        raw = self.newest(collection, other, transaction)
        if raw is not None and key in index.keys(decode(raw)):
            raise self._duplicate(collection, index.name, index.key, transaction, other)

    def _duplicate(self, collection, name, key, transaction, identity):
        chain = collection.chains.get(identity)
        if transaction is not None and chain and chain[-1][0] > transaction.read_time:
            return write_conflict()
        return CommandError(11000, 'E11000 duplicate key error collection: %s index: %s dup key: { %s }' % (
            collection.namespace, name, ', '.join('%s: "…"' % f for f in key)), keyPattern=dict(key))

    def _write(self, collection, identity, raw, transaction, replaced=False):
        if transaction is None:
            self.commit_writes({(collection, identity): (raw, replaced)})
            return
        before = transaction.writes.get((collection, identity))
        if before is not None and before[0] is not None:
            self._unindex(collection, identity, before[0])
        if raw is not None:
            self._index(collection, identity, raw)
        transaction.writes[(collection, identity)] = (raw, replaced)
        collection.pending[identity] = transaction

    def commit(self, transaction):
        writes = {}
        for (collection, identity), (raw, replaced) in transaction.writes.items():
            if raw is not None:
                self._unindex(collection, identity, raw)
            del collection.pending[identity]
            if self.collections.get(collection.namespace) is collection:
                writes[(collection, identity)] = (raw, replaced)
        self._end(transaction)
        # Also when nothing was written: that it was committed must outlive a crash.
        self.commit_writes(writes, transaction.session, transaction.number)

    def abort(self, transaction):
        for (collection, identity), (raw, _) in transaction.writes.items():
            if raw is not None:
                self._unindex(collection, identity, raw)
            del collection.pending[identity]
        self._end(transaction)

    def _end(self, transaction):
        transaction.is_over = True
        self.open_transactions.discard(transaction)
        self._drop_old_versions()

    def commit_writes(self, writes, session=None, number=None, outcome=None):
        """Writes that become visible together, and, with a session, the fact that its transaction or statement was carried out."""
        self._tick()
        record = {'ts': self.clock, 'w': [{'ns': c.namespace, 'i': id_of(r) if r is not None else id_of(c.chains[i][-1][1]), 'd': r is None,
                                           **({'r': r} if r is not None else {})}
                                          for (c, i), (r, _) in writes.items() if r is not None or i in c.chains]}
        if session is not None:
            record.update({'lsid': session, 'txn': number})
        if outcome is not None:
            record['out'] = outcome
        self.write_log(record)
        self._apply(writes, session, number)

    def _apply(self, writes, session, number):
        for place, ((collection, identity), (raw, replaced)) in enumerate(writes.items()):
            chain = collection.chains.get(identity)
            before = chain[-1][1] if chain else None
            if raw is None and before is None:
                continue
            if chain is None:
                collection.chains[identity] = chain = []
                collection.add_id(identity)
            chain.append((self.clock, raw))
            if raw is not None:
                self._index(collection, identity, raw)
            if len(chain) > 1 or raw is None:
                self.stale.add((collection, identity))
            self._event({'op': 'i' if before is None else 'd' if raw is None else 'r' if replaced else 'u', 'ns': collection.namespace,
                'before': before, 'after': raw,
                         'lsid': session, 'txn': number, 'place': place})
        if not self.open_transactions:
            self._drop_old_versions()

    def _drop_old_versions(self):
        oldest = min((t.read_time for t in self.open_transactions), default=self.clock)
        done = []
        for collection, identity in self.stale:
            chain = collection.chains.get(identity)
            if chain is None:
                done.append((collection, identity))
                continue
            # All but the newest that the oldest snapshot sees.
            keep = max((i for i, (ts, _) in enumerate(chain) if ts <= oldest), default=0)
            for _, raw in chain[:keep]:
                if raw is not None:
                    self._unindex(collection, identity, raw)
            del chain[:keep]
            if len(chain) == 1:
                done.append((collection, identity))
                if chain[0][1] is None and chain[0][0] <= oldest:
                    del collection.chains[identity]
                    ids = collection.ordered_ids()
                    del ids[bisect.bisect_left(ids, identity)]
        self.stale.difference_update(done)

    @staticmethod
    def _index(collection, identity, raw):
        if collection.indexes:
            document = decode(raw)
            for index in collection.indexes.values():
                index.add(document, identity)

    @staticmethod
    def _unindex(collection, identity, raw):
        if collection.indexes:
            document = decode(raw)
            for index in collection.indexes.values():
                index.remove(document, identity)

    # --- time, events, log

    def _tick(self):
        now = int(time.time())
        self.clock = Timestamp(now, 1) if now > self.clock.time else Timestamp(self.clock.time, self.clock.inc + 1)

    def _event(self, event):
        event.update({'ts': self.clock, 'wall': time.time()})
        event.setdefault('place', 0)
        self.oplog.append(event)
        if len(self.oplog) > self.oplog_size:
            self.trim_oplog(self.oplog_size)
        for listener in list(self.listeners):
            listener()

    def trim_oplog(self, keep):
        gone = self.oplog[:-keep] if keep else self.oplog
        if gone:
            self.dropped_until = gone[-1]['ts']
            del self.oplog[:len(gone)]

    def write_log(self, record):
        if self.log is not None:
            raw = encode(record)
            self.log.write(struct.pack('<I', zlib.crc32(raw)) + raw)

    def _replay(self):
        if not os.path.exists(self.path):
            return
        data = open(self.path, 'rb').read()
        at = 0
        while at + 9 <= len(data):
            length = struct.unpack_from('<i', data, at + 4)[0]
            raw = data[at + 4:at + 4 + length]
            # What was being written when the process was killed was not answered.
            if len(raw) < length or struct.unpack_from('<I', data, at)[0] != zlib.crc32(raw):
                break
            self._replay_one(decode(raw))
            at += 4 + length
        if at < len(data):
            os.truncate(self.path, at)

    def _replay_one(self, record):
        if 'ddl' in record:
            self.apply_ddl(record)
            return
        self.clock = record['ts']
        self._apply({(self.collections[w['ns']], order(w['i'])): (None if w['d'] else w['r'], False)
                     for w in record['w'] if w['ns'] in self.collections}, record.get('lsid'), record.get('txn'))
        if 'lsid' in record:
            self.outcomes[bytes(record['lsid'])] = (record['txn'], record.get('out'))
