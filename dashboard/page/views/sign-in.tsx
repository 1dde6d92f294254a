import { useState } from 'preact/hooks';
import { signIn } from '../api.ts';

/** Asks for the password of a team's dashboard, or says how to get a link. */
export function SignIn({ onDone }: { onDone: () => void }) {
  const [error, setError] = useState<string | null>(null);
  return (
    <main class="sign-in">
      <h1>cloud-jobs</h1>
      <form
        class="stack"
        onSubmit={async (event) => {
          event.preventDefault();
          const secret = String(new FormData(event.currentTarget).get('secret') ?? '');
          try {
            await signIn(secret);
            onDone();
          } catch (cause) {
            setError(cause instanceof Error ? cause.message : String(cause));
          }
        }}
      >
        <label>
          Password, or the token of the link
          <input name="secret" type="password" autocomplete="current-password" required />
        </label>
        {error && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        <p class="actions">
          <button type="submit" class="primary">
            Sign in
          </button>
        </p>
      </form>
      <p class="muted">
        On your own machine, open the link that <code>cloud-jobs dashboard</code> printed. It works once;
        start the command again for a new one.
      </p>
    </main>
  );
}
