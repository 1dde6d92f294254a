import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { LocationProvider, Route, Router, useLocation } from 'preact-iso';
import { type Session, session, signIn, signOut } from './api.ts';
import { pause, setPaused } from './live.ts';
import { Empty, Loading } from './parts/notice.tsx';
import { Palette } from './parts/palette.tsx';
import { useTheme } from './theme.ts';
import { Job } from './views/job.tsx';
import { Jobs } from './views/jobs.tsx';
import { NewJobForm } from './views/new-job.tsx';
import { Overview } from './views/overview.tsx';
import { Papers } from './views/papers.tsx';
import { Queues } from './views/queues.tsx';
import { Recurring } from './views/recurring.tsx';
import { SignIn } from './views/sign-in.tsx';
import './style.css';

/** The token of the link the command printed; taken out of the address bar and the history at once. */
const token = new URLSearchParams(location.hash.slice(1)).get('token');
if (token) history.replaceState(null, '', location.pathname + location.search);

function App() {
  const [state, setState] = useState<Session | 'signed-out' | null>(null);
  const check = (): void => {
    session().then(setState, () => setState('signed-out'));
  };
  useEffect(() => {
    if (token) signIn(token).then(check, check);
    else check();
  }, []);
  if (state === null) return <Loading />;
  if (state === 'signed-out') return <SignIn onDone={check} />;
  return (
    <LocationProvider>
      <Shell session={state} onSignOut={() => void signOut().then(() => setState('signed-out'))} />
    </LocationProvider>
  );
}

const NotFound = () => (
  <Empty title="There is no such page.">
    <p>
      <a href="/">Overview</a>
    </p>
  </Empty>
);

const LINKS = [
  ['/', 'Overview'],
  ['/jobs', 'Jobs'],
  ['/recurring', 'Recurring'],
  ['/queues', 'Queues'],
  ['/papers', 'Papers'],
] as const;

function Shell({ session: { readOnly, version }, onSignOut }: { session: Session; onSignOut: () => void }) {
  const { path } = useLocation();
  const theme = useTheme();
  const [paused, setLocal] = useState(pause.paused);
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <header>
        <a class="brand" href="/">
          cloud-jobs
        </a>
        <nav aria-label="Views">
          {LINKS.map(([href, label]) => (
            <a
              key={href}
              href={href}
              {...((href === '/' ? path === '/' : path.startsWith(href))
                ? { 'aria-current': 'page' as const }
                : {})}
            >
              {label}
            </a>
          ))}
        </nav>
        <div class="tools">
          {readOnly && <span class="status">read-only</span>}
          <button
            type="button"
            aria-pressed={paused}
            onClick={() => {
              setPaused(!paused);
              setLocal(!paused);
            }}
          >
            {paused ? 'Resume updates' : 'Pause updates'}
          </button>
          <button type="button" onClick={theme.next}>
            Theme: {theme.choice}
          </button>
          <button type="button" onClick={onSignOut}>
            Sign out
          </button>
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        <Router>
          <Route path="/" component={Overview} theme={theme.theme} />
          <Route path="/jobs" component={Jobs} readOnly={readOnly} />
          <Route path="/jobs/:id" component={Job} readOnly={readOnly} />
          <Route path="/recurring" component={Recurring} readOnly={readOnly} />
          <Route path="/queues" component={Queues} readOnly={readOnly} />
          <Route path="/papers" component={Papers} />
          <Route path="/new" component={readOnly ? NotFound : NewJobForm} />
          <Route default component={NotFound} />
        </Router>
      </main>
      <footer class="muted">
        cloud-jobs {version} · <kbd>Ctrl K</kbd> to go anywhere
      </footer>
      <Palette />
    </>
  );
}

const host = document.getElementById('app');
if (host) render(<App />, host);
