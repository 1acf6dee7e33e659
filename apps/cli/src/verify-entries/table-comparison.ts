/** A table beside what it should say, compared line by line as both come: nothing of it is kept. */
export class TableComparison {
  private rest = Buffer.alloc(0);
  private line = 0;
  private differs: number | undefined;

  constructor(private readonly chunks: AsyncIterator<Buffer>) {}

  async expect(text: string): Promise<void> {
    this.line += 1;
    if (this.differs !== undefined) return;
    const expected = Buffer.from(text, 'utf8');
    while (this.rest.length < expected.length && (await this.readOn()));
    if (!this.rest.subarray(0, expected.length).equals(expected)) this.differs = this.line;
    this.rest = this.rest.subarray(expected.length);
  }

  /** The first line that is another, 1 for the header, or the one after the last where there is more; undefined where none is. */
  async differsAt(): Promise<number | undefined> {
    while (this.rest.length === 0 && (await this.readOn()));
    return this.differs ?? (this.rest.length > 0 ? this.line + 1 : undefined);
  }

  private async readOn(): Promise<boolean> {
    const chunk = await this.chunks.next();
    if (chunk.done) return false;
    this.rest = Buffer.concat([this.rest, chunk.value]);
    return true;
  }
}
