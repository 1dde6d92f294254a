import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AlertSender } from '../../src/commands/alerts/alert-sender.ts';
import type { AlertChannel } from '../../src/commands/alerts/channel.ts';
import { issueChannel } from '../../src/commands/alerts/issue-channel.ts';
import { webhookChannel } from '../../src/commands/alerts/webhook-channel.ts';
import { openGitHub } from '../../src/commands/github-repository.ts';
import { openQueue } from '../../src/queue/open-queue.ts';
import { queueOf } from '../sql/support.ts';
import { type GitHubServer, startGitHubServer } from '../support/github-server.ts';
import { startTestProject, type TestProject } from '../support/stack.ts';
import { startWebhookReceiver, type WebhookReceiver } from '../support/webhook-receiver.ts';

let project: TestProject;
let github: GitHubServer;
let hook: WebhookReceiver;
let warnings: string[] = [];
beforeAll(async () => {
  project = await startTestProject();
});
afterAll(() => project?.stop());
beforeEach(async () => {
  [github, hook] = await Promise.all([startGitHubServer(), startWebhookReceiver()]);
  warnings = [];
});
afterEach(async () => {
  project.setFaults(() => undefined);
  await Promise.all([github.stop(), hook[Symbol.asyncDispose]()]);
});

const SECRET = `whsec_${Buffer.from('a secret of thirty-two bytes here').toString('base64')}`;
const issues = (): AlertChannel => {
  const opened = openGitHub(github.token, { GITHUB_REPOSITORY: 'octo/consumer', GITHUB_API_URL: github.url });
  if (!opened) throw new Error('no repository');
  return issueChannel(opened);
};
const webhook = (format: 'plain' | 'slack' = 'plain', secret: string | null = SECRET): AlertChannel => ({
  ...webhookChannel({ url: hook.url, secret, format, now: () => new Date() }),
  hold: '0',
});

/** Loses the reply of the database to each request and not to its repeat. Returns how many requests came. */
function loseEveryReply(): () => number {
  let requests = 0;
  project.setFaults(() => {
    requests += 1;
    return requests % 2 === 1 ? { kind: 'lose-reply' } : undefined;
  });
  return () => requests;
}

/** A queue whose alerts go to a channel, sent by a new worker with each call of `flush`. */
async function alerted(channel: AlertChannel) {
  const q = queueOf(project);
  const named = { ...channel, name: `${channel.name} ${q.queue}` };
  let workers = 0;
  const { queue } = openQueue({ url: project.url, key: project.secretKey }, 'test');
  const flush = async (more: readonly { subject: string; error: string }[] = []) => {
    workers += 1;
    const instanceId = `worker ${workers}`;
    await using sender = new AlertSender([named], {
      queue,
      instanceId,
      queues: [q.queue],
      warn: (message) => warnings.push(message),
    });
    await sender.flush(more);
  };
  await flush();
  return {
    q,
    flush,
    /** A job of this name ends. */
    async end(name: string, outcome: 'failure' | 'success', error = 'boom') {
      const id = await q.addOne({ name, max_retries: 0 });
      const [job] = await project.sql<{ reply: { jobs: { execution_id: string }[] } }>(
        `select cloud_jobs_claim('w', 1, array[$1]) as reply`,
        [q.queue],
      );
      await project.sql(`select cloud_jobs_finish('w', $1)`, [
        JSON.stringify([
          {
            execution_id: job?.reply.jobs[0]?.execution_id,
            outcome,
            ...(outcome === 'failure' && { error }),
          },
        ]),
      ]);
      return id;
    },
    /** What could not be sent is due at once, and its lease is over. */
    pass: () =>
      project.sql(
        `update cloud_jobs_alert_outbox set next_at = now(), leased_until = now() - interval '1 s'
         where queue = $1 and sent_at is null`,
        [q.queue],
      ),
    unsent: () =>
      project.sql('select alert_id from cloud_jobs_alert_outbox where queue = $1 and sent_at is null', [
        q.queue,
      ]),
  };
}

describe('alert issue', () => {
  it('opens one issue for a name, updates it, and closes it with a comment', async () => {
    const { end, flush } = await alerted(issues());
    const job = await end('Nightly report', 'failure', 'no `disk` @octocat <!-- x -->');
    await flush();
    expect(github.issues).toMatchObject([
      { title: 'Job failed: Nightly report', state: 'open', labels: [{ name: 'cloud-jobs' }], comments: [] },
    ]);
    expect(github.issues[0]?.body).toContain('```text\nno `disk` @octocat <!-- x -->\n```');
    expect(github.issues[0]?.body).toContain(`Newest job: \`${job}\`, error`);
    await end('Nightly report', 'failure', 'still');
    await flush();
    expect(github.issues).toHaveLength(1);
    expect(github.issues[0]?.body).toContain('2 failures since');
    await end('Nightly report', 'success');
    await flush();
    expect(github.issues).toMatchObject([
      { state: 'closed', comments: [{ body: expect.stringContaining('The job succeeded again') }] },
    ]);
  });

  it('opens the same issue again when the job fails once more', async () => {
    const { end, flush } = await alerted(issues());
    for (const outcome of ['failure', 'success', 'failure'] as const) {
      await end('a', outcome);
      await flush();
    }
    expect(github.issues).toMatchObject([{ state: 'open' }]);
    expect(github.issues[0]?.body).toContain('1 failure since');
  });

  it('opens one issue for each name', async () => {
    const { end, flush } = await alerted(issues());
    for (const name of ['a', 'b', 'a']) await end(name, 'failure');
    await flush();
    expect(github.issues.map(({ title }) => title).toSorted()).toEqual(['Job failed: a', 'Job failed: b']);
  });

  it('opens one issue, however often the reply of GitHub is lost', async () => {
    const { end, flush, pass, unsent } = await alerted(issues());
    await end('a', 'failure');
    github.faults.push('lose');
    await flush();
    // The first request was the search; now the reply to the opening is lost, twice over.
    for (let n = 0; n < 2; n += 1) {
      await pass();
      github.faults.push(null, 'lose');
      await flush();
    }
    await pass();
    await flush();
    expect(github.issues).toHaveLength(1);
    expect(await unsent()).toEqual([]);
    expect(warnings.join('\n')).toContain('The alert about "a" was not sent: GitHub’s API did not answer.');
  });

  it('writes its comment once and closes, if replies are lost on the way', async () => {
    const { end, flush, pass } = await alerted(issues());
    await end('a', 'failure');
    await flush();
    await end('a', 'success');
    for (let n = 0; n < 4; n += 1) {
      github.faults.push(...Array.from({ length: n }, () => null), 'lose');
      await flush();
      await pass();
    }
    github.faults.length = 0;
    await flush();
    expect(github.issues).toMatchObject([{ state: 'closed' }]);
    expect(github.issues[0]?.comments).toHaveLength(1);
  });

  it('opens, updates and closes once if every reply of the database is lost', async () => {
    const { end, flush, unsent } = await alerted(issues());
    for (const outcome of ['failure', 'failure', 'success'] as const) {
      await end('a', outcome);
      loseEveryReply();
      await flush();
      await flush();
      project.setFaults(() => undefined);
      await flush();
    }
    expect(github.issues).toMatchObject([{ state: 'closed' }]);
    expect(github.issues[0]?.body).toContain('2 failures since');
    expect(github.issues[0]?.comments).toHaveLength(1);
    expect(await unsent()).toEqual([]);
  });

  it('waits as long as GitHub asks for when its limit is reached', async () => {
    const { end, flush, q, pass } = await alerted(issues());
    await end('a', 'failure');
    github.faults.push({
      status: 403,
      headers: { 'retry-after': '120' },
      body: { message: 'You have exceeded a secondary rate limit.' },
    });
    await flush();
    expect(warnings.join('\n')).toMatch(/HTTP 403: You have exceeded .*It limits the requests of this token/);
    const [wait] = await project.sql<{ seconds: number }>(
      'select extract(epoch from max(next_at) - now())::float8 as seconds from cloud_jobs_alert_outbox where queue = $1',
      [q.queue],
    );
    expect(wait?.seconds).toBeGreaterThan(100);
    await flush();
    expect(github.issues).toEqual([]);
    await pass();
    await flush();
    expect(github.issues).toHaveLength(1);
  });

  it('opens a new issue if somebody deleted the old one', async () => {
    const { end, flush } = await alerted(issues());
    await end('a', 'failure');
    await flush();
    github.issues.length = 0;
    await end('a', 'failure');
    await flush();
    expect(github.issues).toMatchObject([{ title: 'Job failed: a', state: 'open' }]);
  });

  it('says what permission is missing, and loses nothing', async () => {
    const { end, flush, unsent } = await alerted(issues());
    await end('a', 'failure');
    github.faults.push({ status: 403, body: { message: 'Resource not accessible by integration' } });
    await flush();
    expect(warnings.join('\n')).toContain('the job needs `permissions: issues: write`');
    expect(await unsent()).toHaveLength(1);
  });
});

describe('alert webhook', () => {
  it('posts JSON that is signed as Standard Webhooks says', async () => {
    const { end, flush } = await alerted(webhook());
    const job = await end('a', 'failure', 'x < y');
    await flush();
    const [request] = hook.received;
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signed } = request?.headers ?? {};
    const key = Buffer.from(SECRET.slice(6), 'base64');
    const expected = createHmac('sha256', key).update(`${id}.${at}.${request?.text}`).digest('base64');
    expect(signed).toBe(`v1,${expected}`);
    expect(Math.abs(Number(at) - Date.now() / 1000)).toBeLessThan(60);
    expect(JSON.parse(request?.text ?? '')).toMatchObject({
      type: 'job.failed',
      id,
      data: { subject: 'a', job_id: job, error: 'x < y', failures: 1, failure_kind: 'error' },
    });
    await end('a', 'success');
    await flush();
    expect(JSON.parse(hook.received[1]?.text ?? '')).toMatchObject({ type: 'job.recovered' });
  });

  it("posts a message in Slack's form, without links and mentions", async () => {
    const { end, flush, q } = await alerted(webhook('slack', null));
    await end('a <!channel> & *b*', 'failure', '<@U1> broke\nsecond line');
    await flush();
    expect(hook.received[0]?.headers['webhook-signature']).toBeUndefined();
    expect(JSON.parse(hook.received[0]?.text ?? '')).toEqual({
      text: `:x: *a &lt;!channel&gt; &amp; *\u200bb*\u200b* failed in queue ${q.queue}.\n>&lt;@U1&gt; broke`,
    });
  });

  it('sends again what was not taken, with the same id', async () => {
    const { end, flush, pass } = await alerted(webhook());
    await end('a', 'failure');
    hook.faults.push(500, 429, 'lose');
    for (let n = 0; n < 4; n += 1) {
      await flush();
      await pass();
    }
    const ids = hook.received.map(({ headers }) => headers['webhook-id']);
    // Twice: the reply to the first was lost.
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
    expect(hook.received[0]?.text).toBe(hook.received[1]?.text);
    expect(warnings).toHaveLength(3);
  });

  it('loses and repeats nothing if every reply of the database is lost', async () => {
    const { end, flush } = await alerted(webhook());
    for (let n = 0; n < 5; n += 1) await end(`job ${n}`, 'failure');
    const requests = loseEveryReply();
    await flush();
    await flush();
    project.setFaults(() => undefined);
    await flush();
    const subjects = hook.received.map(({ text }) => JSON.parse(text).data.subject);
    expect(subjects.toSorted()).toEqual(['job 0', 'job 1', 'job 2', 'job 3', 'job 4']);
    expect(requests()).toBeGreaterThan(12);
  });

  it('never shows the address, which is a secret', async () => {
    const { end, flush, q } = await alerted(webhook());
    await end('a', 'failure');
    hook.faults.push(404);
    await flush();
    const rows = await project.sql(
      `select o::text from cloud_jobs_alert_outbox o where queue = $1 union all
       select c::text from cloud_jobs_alert_channels c where queue = $1`,
      [q.queue],
    );
    expect(JSON.stringify([rows, warnings])).not.toContain('/hook');
  });

  it('sends what a run warns about', async () => {
    const { flush } = await alerted(webhook());
    await flush([{ subject: 'Workers of schedule', error: 'late' }]);
    expect(JSON.parse(hook.received[0]?.text ?? '')).toMatchObject({
      type: 'run.failed',
      data: { error: 'late' },
    });
  });
});

it('a run goes on when the database cannot hand out alerts', async () => {
  const { flush } = await alerted(webhook());
  project.setFaults(({ path }) =>
    path.includes('alert_take') ? { kind: 'answer', status: 404, body: '{}' } : undefined,
  );
  await flush();
  expect(warnings.join('\n')).toMatch(/^Alerts were not sent and are tried again by the next run/);
});
