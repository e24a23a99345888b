/** What a service's `/metrics` says now. */

/**
 * @param sample a metric's name without the common prefix, with those labels that choose among its series: `acks_total`,
 * `inbound_total{result="dead"}`
 * @returns the sum over the series that have these labels
 * @throws Error when there is none
 */
export async function metricOf(url: string, sample: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const { name = '', labels = '' } = /^(?<name>\w+)(?:\{(?<labels>.*)\})?$/.exec(sample)?.groups ?? {};
  const values = text.split('\n').flatMap((line) => {
    const series = /^dinguscord_messages_(\w+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (series?.[1] !== name || !labels.split(',').every((label) => (series[2] ?? '').includes(label))) return [];
    return [Number(series[3])];
  });
  if (values.length === 0) throw new Error(`no metric ${sample}`);
  return values.reduce((sum, value) => sum + value, 0);
}
