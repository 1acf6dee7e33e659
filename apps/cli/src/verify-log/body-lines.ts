import { type BodyLine, parseBodyLine } from '../domain/body-line.js';
import { type FaultList, faultOf } from '../domain/log-fault.js';
import { bodiesFile } from '../domain/log-files.js';

/** Lines that are looked at ahead for one that stands too late. */
const window = 512;

/** The exported bodies beside the walk through the log: each is asked for by its index, in rising order. */
export class BodyLines {
  private readonly source: AsyncIterator<string> | undefined;
  private readonly ahead: BodyLine[] = [];
  private lineNumber = 0;
  private ended = false;

  constructor(
    lines: AsyncIterable<string> | undefined,
    private readonly faults: FaultList,
  ) {
    this.source = lines?.[Symbol.asyncIterator]();
  }

  async take(index: number): Promise<BodyLine | undefined> {
    await this.fill();
    while (this.ahead[0] !== undefined && this.ahead[0].index < index) {
      const { index: late } = this.ahead.shift()!;
      this.faults.add(
        faultOf('body-out-of-order', 'The body stands again or later than its place.', {
          index: late,
          path: bodiesFile,
        }),
      );
      await this.fill();
    }
    const place = this.ahead.findIndex((line) => line.index === index);
    if (place < 0) return undefined;
    if (place > 0) {
      this.faults.add(
        faultOf('body-out-of-order', 'The body stands later than its place.', { index, path: bodiesFile }),
      );
    }
    return this.ahead.splice(place, 1)[0];
  }

  /** What is left when the log is at its end belongs to no entry. */
  async refuseRest(): Promise<void> {
    for (await this.fill(); this.ahead.length > 0; await this.fill()) {
      for (const { index } of this.ahead.splice(0)) {
        this.faults.add(faultOf('body-extra', 'The log has no entry for this body.', { index, path: bodiesFile }));
      }
    }
  }

  private async fill(): Promise<void> {
    while (!this.ended && this.ahead.length < window) {
      const next = await this.source?.next();
      if (next === undefined || next.done === true) {
        this.ended = true;
        return;
      }
      this.lineNumber += 1;
      const line = parseBodyLine(next.value);
      if (line.ok) this.ahead.push(line.value);
      else {
        const detail = `Line ${this.lineNumber} is not an index, a body and a commitment key.`;
        this.faults.add(faultOf('body-unreadable', detail, { path: bodiesFile }));
      }
    }
  }
}
