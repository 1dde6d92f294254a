import type { Calls } from '../../server/calls.ts';
import { plural } from '../format.ts';
import { Status } from './status.tsx';

type Family = NonNullable<Calls['job']['output']['family']>;
type Relative = Family['parents'][number];

/** A job between those that it depends on and those that start after it, each with its state. */
export function Dependencies({ name, family }: { name: string; family: Family | null | undefined }) {
  if (!family) return null;
  return (
    <section aria-labelledby="dependencies">
      <h2 id="dependencies">Dependencies</h2>
      <div class="graph">
        <Side title="Depends on" by="added it" relatives={family.parents} count={family.parent_count} />
        <strong class="graph-self">{name}</strong>
        <Side
          title="Starts after it"
          by="added by it"
          relatives={family.children}
          count={family.child_count}
        />
      </div>
    </section>
  );
}

function Side(props: { title: string; by: string; relatives: readonly Relative[]; count: number }) {
  const left = props.count - props.relatives.length;
  return (
    <div class="graph-side">
      <p class="muted">
        {props.title}: {props.count === 0 ? 'no job' : plural(props.count, 'job')}
      </p>
      <ul>
        {props.relatives.map((one) => (
          <li key={one.job_id}>
            {one.name === null ? one.ref : <a href={`/jobs/${encodeURIComponent(one.job_id)}`}>{one.name}</a>}{' '}
            {one.status === null ? <span class="muted">deleted</span> : <Status of={one.status} />}
            {one.spawned && <span class="muted"> {props.by}</span>}
          </li>
        ))}
      </ul>
      {left > 0 && <p class="muted">and {plural(left, 'other')}</p>}
    </div>
  );
}
