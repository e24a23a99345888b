/** A bound on waiting for something that cannot be cancelled. What comes too late is dropped. */

export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/** @throws DeadlineError after `ms`, or what `work` rejects with */
export async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new DeadlineError(`no answer within ${ms} ms`));
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
