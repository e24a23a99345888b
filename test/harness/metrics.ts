/** What a service's `/metrics` says now. */

/**
 * @param sample a metric's name without the common prefix, with labels where one of its series is meant: `acks_total`,
 * `inbound_total{result="dead"}`
 * @returns the sum over the series that there are
 * @throws Error when there is none
 */
export async function metricOf(url: string, sample: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const wanted = `dinguscord_messages_${sample}`;
  const values = text
    .split('\n')
    .filter((line) => line.startsWith(wanted) && (line[wanted.length] === ' ' || line[wanted.length] === '{'))
    .map((line) => Number(line.slice(line.lastIndexOf(' '))));
  if (values.length === 0) throw new Error(`no metric ${sample}`);
  return values.reduce((sum, value) => sum + value, 0);
}
