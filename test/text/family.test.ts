import { expect, it } from 'vitest';
import { familyLines } from '../../src/text/family.ts';

it('lists parents and children with their states and what binds them', () => {
  const relative = {
    job_id: 'id',
    ref: 'r',
    name: 'Fetch',
    status: 'success' as const,
    outcome: null,
    on_failure: 'cancel' as const,
    spawned: false,
  };
  const lines = familyLines({
    parents: [
      { ...relative, spawned: true },
      { ...relative, on_failure: 'run', status: 'failed' },
    ],
    parent_count: 2,
    children: [
      relative,
      { ...relative, name: null, status: null },
      { ...relative, on_failure: 'wait', status: 'waiting' },
      { ...relative, spawned: true },
    ],
    child_count: 10,
  });
  expect(lines).toEqual([
    'Depends on: 2 jobs',
    '├─ Fetch (id): success; added this job',
    '└─ Fetch (id): failed; this job runs even if it fails',
    'Starts after it: 10 jobs',
    '├─ Fetch (id): success',
    '├─ r (id): deleted',
    '├─ Fetch (id): waiting; waits if this job fails',
    '├─ Fetch (id): success; added by this job',
    '└─ 6 more',
  ]);
});
