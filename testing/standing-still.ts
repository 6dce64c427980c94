// How long the thread of a test stood still while something ran: what the clients of a server on that thread would have
// waited for.

export interface StoodStill<T> {
  readonly answer: T;
  /** The longest time without a turn of the event loop, as a share of the time of the run. */
  readonly longestShare: number;
}

export async function standingStill<T>(run: () => Promise<T>): Promise<StoodStill<T>> {
  let done = false;
  let longestMs = 0;
  const started = performance.now();
  const running = run().finally(() => {
    done = true;
  });
  while (!done) {
    const before = performance.now();
    await new Promise(resolve => setTimeout(resolve, 5));
    longestMs = Math.max(longestMs, performance.now() - before);
  }
  const answer = await running;
  const tookMs = performance.now() - started;
  console.log(`stood still for ${Math.round(longestMs)} ms of ${Math.round(tookMs)} ms`);
  return { answer, longestShare: longestMs / tookMs };
}
