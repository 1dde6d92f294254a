import { useState } from 'preact/hooks';
import { messageOf } from '../../../src/text/describe-error.ts';
import { stepWords, titleOf } from '../../../src/text/steps.ts';
import type { Calls } from '../../server/calls.ts';
import { call } from '../api.ts';
import { ErrorNotice } from './notice.tsx';

type Reply = Calls['job']['output'];
type Step = NonNullable<Reply['steps']>[number];

/** The durable steps of a job: what each took, and what a person can decide or repeat. */
export function Steps(props: { reply: Reply; readOnly: boolean; onDone: () => void }) {
  const { job, steps, now } = props.reply;
  const [error, setError] = useState<string | null>(null);
  if (!job || !steps || steps.length === 0) return null;
  const send = (sent: Promise<{ applied: boolean; reason: string | null }>): void => {
    sent
      .then(({ applied, reason }) => setError(applied ? null : (reason ?? 'Nothing was changed.')))
      .catch((cause) => setError(messageOf(cause)))
      .finally(props.onDone);
  };
  const decide = (step: string, approved: boolean) => (): void =>
    send(call('decide', { job_id: job.job_id, step, approved }));
  const canRetry = !props.readOnly && job.status !== 'locked';
  return (
    <section aria-labelledby="steps">
      <h2 id="steps">Steps</h2>
      <ErrorNotice text={error} />
      <ol>
        {steps.map((step) => (
          <li key={step.name}>
            <strong>{step.name}</strong>: {stepWords(step, new Date(now))}{' '}
            {!props.readOnly && waitsForPerson(step) && (
              <>
                <button type="button" class="primary" onClick={decide(step.name, true)}>
                  Approve
                </button>{' '}
                <button type="button" onClick={decide(step.name, false)}>
                  Reject
                </button>
              </>
            )}
            {canRetry && step.finished_at !== null && (
              <button
                type="button"
                onClick={() => send(call('retryFromStep', { job_id: job.job_id, step: step.name }))}
              >
                Run again from here
              </button>
            )}
          </li>
        ))}
      </ol>
    </section>
  );
}

const waitsForPerson = (step: Step): boolean => step.finished_at === null && titleOf(step) !== null;
