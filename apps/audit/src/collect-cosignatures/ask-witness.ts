import { type Cosignature, type PolicyWitness, cosignaturesIn, formatAddCheckpoint, treeSizeType } from '#merkle';

/** What came of asking a witness. */
export type WitnessReply =
  | { readonly kind: 'cosigned'; readonly cosignature: Cosignature }
  /** The size of the checkpoint that it cosigned last. */
  | { readonly kind: 'ask-from'; readonly size: number }
  /** Status 0 when nothing answered. */
  | { readonly kind: 'refused'; readonly status: number };

/** Lines of several keys, each as long as a post-quantum one. */
const longestAnswer = 64 * 1024;

/** Asks once (C2SP tlog-witness). An odd answer is a refusal, and no answer is one too. */
export async function askWitness(
  { url, verifier }: Pick<PolicyWitness, 'url' | 'verifier'>,
  request: { readonly oldSize: number; readonly proof: readonly Uint8Array[]; readonly checkpoint: string },
  timeoutMs: number,
): Promise<WitnessReply> {
  try {
    const response = await fetch(`${url?.replace(/\/$/, '')}/add-checkpoint`, {
      method: 'POST',
      body: formatAddCheckpoint(request),
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answer = {
      status: response.status,
      contentType: response.headers.get('content-type') ?? '',
      body: await textOf(response),
    };
    return readWitnessReply(answer, request.checkpoint, verifier);
  } catch {
    return { kind: 'refused', status: 0 };
  }
}

/**
 * Reads an answer. Existing witnesses use a 409 also for another root of the same size, then without the type that announces
 * a size, and answer a bad signature by 500: so the type is looked at before the body, and every other status is a refusal.
 */
export function readWitnessReply(
  answer: { readonly status: number; readonly contentType: string; readonly body: string },
  checkpoint: string,
  verifier: PolicyWitness['verifier'],
): WitnessReply {
  const refused: WitnessReply = { kind: 'refused', status: answer.status };
  if (answer.status === 409) {
    if (answer.contentType.split(';')[0]?.trim().toLowerCase() !== treeSizeType) return refused;
    const size = /^(0|[1-9]\d{0,15})\n?$/.exec(answer.body)?.[1];
    return size === undefined || !Number.isSafeInteger(Number(size))
      ? refused
      : { kind: 'ask-from', size: Number(size) };
  }
  if (answer.status !== 200) return refused;
  // Lines of other keys are allowed, and so are several.
  const found = cosignaturesIn(checkpoint + answer.body, [verifier]);
  const cosignature = found.ok ? found.value[0] : undefined;
  return cosignature ? { kind: 'cosigned', cosignature } : refused;
}

async function textOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > longestAnswer) throw new RangeError('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
