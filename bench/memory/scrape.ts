/** Reads what the memory case needs from the service's own /metrics. */

export interface Scraped {
  /** Over all workers. */
  readonly residentRooms: number;
  /** Bytes of used heap, over all worker threads. */
  readonly workerHeap: number;
}

const prefix = 'dinguscord_messages_';

/** A worker that collects a large heap may miss a scrape, and its series are missing then. */
const attempts = 5;

/** @throws Error when the service does not publish one of the two */
export async function scrape(port: number): Promise<Scraped> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await scrapeOnce(port);
    } catch (error) {
      if (attempt === attempts) throw error;
    }
  }
}

async function scrapeOnce(port: number): Promise<Scraped> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`/metrics answers ${response.status}`);
  return {
    residentRooms: total(text, `${prefix}resident_rooms`, ''),
    workerHeap: total(text, `${prefix}worker_heap_bytes`, 'kind="used"'),
  };
}

/** The sum of a metric in Prometheus' text format, over all label sets that contain `label`. */
function total(text: string, name: string, label: string): number {
  let sum = 0;
  let found = false;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name) || (line[name.length] !== '{' && line[name.length] !== ' ') || !line.includes(label))
      continue;
    sum += Number(line.slice(line.lastIndexOf(' ') + 1));
    found = true;
  }
  if (!found) throw new Error(`/metrics has no ${name}`);
  return sum;
}
