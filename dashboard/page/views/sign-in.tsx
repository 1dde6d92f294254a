import { signIn } from '../api.ts';
import { Field, Form } from '../parts/form.tsx';

/** Asks for the password of a team's dashboard, or says how to get a link. */
export function SignIn({ onDone }: { onDone: () => void }) {
  return (
    <main class="sign-in">
      <h1>cloud-jobs</h1>
      <Form
        send={async (_read, form) => {
          await signIn(String(form.get('secret') ?? ''));
          onDone();
        }}
        action="Sign in"
      >
        <Field
          name="secret"
          label="Password, or the token of the link"
          type="password"
          autocomplete="current-password"
          required
        />
      </Form>
      <p class="muted">
        On your own machine, open the link that <code>cloud-jobs dashboard</code> printed. It works once;
        start the command again for a new one.
      </p>
    </main>
  );
}
