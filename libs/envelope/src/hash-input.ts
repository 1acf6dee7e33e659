/**
 * Memory for what is hashed next, for texts of up to a few thousand bytes. Each length has one Buffer of it, which is kept: to
 * make one takes a quarter of the time in which a short text is hashed, and the log hashes two dozen an entry.
 */
export class HashInput {
  private memory = Buffer.alloc(1_024);
  private views: (Buffer | undefined)[] = [];

  /** Good until the next call: what was written before stands in the same memory. */
  ofLength(length: number): Buffer {
    if (length > this.memory.length) {
      this.memory = Buffer.alloc(2 * length);
      this.views = [];
    }
    return (this.views[length] ??= this.memory.subarray(0, length));
  }
}
