// Takes `seconds` by the clock of the simulated month: the server that moves that clock answers when they are over.
export default async ({ seconds, clock }, { job, signal }) => {
  const reply = await fetch(clock, {
    method: 'POST',
    body: JSON.stringify({ execution: job.execution_id, seconds }),
    signal,
  });
  if (!reply.ok) throw new Error(await reply.text());
  return { seconds };
};
