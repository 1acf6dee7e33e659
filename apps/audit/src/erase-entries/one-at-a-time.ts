/** Work that must not overlap: an erasure and the holds that may block it. In the order asked. */
export class OneAtATime {
  private last: Promise<unknown> = Promise.resolve();

  async do<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.last.then(work, work);
    this.last = mine.catch(() => undefined);
    return mine;
  }
}
