"""Change streams over the oplog. A resume token is the time of the commit and the place within it."""
import datetime

from bson import Binary, Int64, Timestamp
from mongomock import aggregate as mock_aggregate

import query
import update
from errors import CommandError
from values import decode, id_of


def token(ts, place, invalidates=False):
    return {'_data': '%08x%08x%08x%d' % (ts.time, ts.inc, place, invalidates)}


def position(resume):
    try:
        data = resume['_data']
        return Timestamp(int(data[0:8], 16), int(data[8:16], 16)), int(data[16:24], 16)
    except (KeyError, TypeError, ValueError) as e:
        raise CommandError(50811, 'Invalid resume token') from e


class ChangeStream:
    def __init__(self, storage, database, collection, stage, pipeline):
        self.storage, self.database, self.collection = storage, database, collection
        self.full, self.pipeline = stage.get('fullDocument', 'default'), pipeline
        resume = stage.get('resumeAfter') or stage.get('startAfter')
        if resume:
            self.at = position(resume)
            if self.at[0] < storage.dropped_until:
                raise self._lost()
        elif 'startAtOperationTime' in stage:
            self.at = (stage['startAtOperationTime'], -1)
            if self.at[0] < storage.dropped_until:
                raise self._lost()
        else:
            self.at = (storage.clock, 1 << 30)

    @staticmethod
    def _lost():
        return CommandError(286, 'Error on remote shard :: caused by :: Resume of change stream was not possible, as the resume point may no longer be in '
                            'the oplog.', ['NonResumableChangeStreamError'])

    def resume_token(self):
        return token(self.at[0], max(0, min(self.at[1], 0xFFFFFFFF)))

    def next_batch(self, limit):
        """Events since the last batch that the pipeline lets through."""
        if self.at[0] < self.storage.dropped_until:
            raise self._lost()
        found = []
        # The newest are asked for most often.
        start = len(self.storage.oplog)
        while start > 0 and (self.storage.oplog[start - 1]['ts'], self.storage.oplog[start - 1]['place']) > self.at:
            start -= 1
        for event in self.storage.oplog[start:]:
            if len(found) >= limit:
                break
            self.at = (event['ts'], event['place'])
            if not self._is_ours(event['ns']):
                continue
            shown = [self._show(event)]
            if self.pipeline:
                shown = list(mock_pipeline(shown, self.pipeline))
            found += shown
        else:
            self.at = max(self.at, (self.storage.clock, self.at[1]))
        return found

    def _is_ours(self, namespace):
        database, _, collection = namespace.partition('.')
        if self.collection is not None:
            return database == self.database and collection == self.collection
        return self.database == 'admin' or database == self.database

    def _show(self, event):
        database, _, collection = event['ns'].partition('.')
        wall = datetime.datetime.utcfromtimestamp(int(event['wall'] * 1000) / 1000)
        shown = {'_id': token(event['ts'], event['place']), 'operationType': None, 'clusterTime': event['ts'], 'wallTime': wall,
                 'ns': {'db': database, 'coll': collection}}
        if event.get('txn') is not None:
            shown.update({'txnNumber': Int64(event['txn']), 'lsid': {'id': Binary(event['lsid'], 4), 'uid': Binary(b'\0' * 32)}})
        if event['op'] == 'drop':
            shown['operationType'] = 'drop'
            return shown
        before, after = event['before'], event['after']
        shown['documentKey'] = {'_id': id_of(after if after is not None else before)}
        if event['op'] == 'd':
            shown['operationType'] = 'delete'
        elif event['op'] == 'i':
            shown.update({'operationType': 'insert', 'fullDocument': decode(after)})
        elif event['op'] == 'r':
            shown.update({'operationType': 'replace', 'fullDocument': decode(after)})
        else:
            updated, removed = update.difference(decode(before), decode(after))
            shown.update({'operationType': 'update',
                'updateDescription': {'updatedFields': updated, 'removedFields': removed, 'truncatedArrays': []}})
            if self.full in ('updateLookup', 'whenAvailable', 'required'):
                shown['fullDocument'] = self._lookup(event['ns'], shown['documentKey'])
        return shown

    def _lookup(self, namespace, key):
        raw = next(self.storage.find(self.storage.collection(namespace), key, None, 1), None)
        return None if raw is None else decode(raw)


def mock_pipeline(documents, pipeline):
    for stage in pipeline:
        (name, argument), = stage.items()
        if name == '$match':
            documents = [d for d in documents if query.matches(d, argument)]
        elif name == '$project':
            documents = [query.project(d, argument) for d in documents]
        else:
            documents = list(mock_aggregate.process_pipeline(documents, None, [stage], None))
    return documents
