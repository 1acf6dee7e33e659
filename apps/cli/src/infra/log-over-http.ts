import type { LogFiles } from '../domain/log-files.js';
import { patiently, refusalOf, withSlash } from './public-hub.js';

/** A log as a server shows it to everybody. */
export class LogOverHttp implements LogFiles {
  /** @param url of the log: the gateway's and `/log`, or whatever serves that layout */
  constructor(readonly url: string) {}

  /** Errors: UNAVAILABLE. */
  async read(path: string): Promise<Buffer | undefined> {
    const response = await patiently(() => fetch(new URL(path, withSlash(this.url))));
    const body = Buffer.from(await response.arrayBuffer());
    if (response.ok) return body;
    if (response.status === 404) return undefined;
    throw refusalOf(response.status, undefined);
  }
}
