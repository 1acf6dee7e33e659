import { AppError, type Result, err, ok } from '#kernel';
import { type Cosignature, type CosignatureVerifier, cosignaturesIn, parseCosignerKey } from './cosignature.js';
import { type NoteVerifier, parseVerifierKey, readVerifierKey } from './signed-note.js';

/** A log of a policy. */
export interface PolicyLog {
  readonly verifierKey: string;
  readonly verifier: NoteVerifier;
  readonly url?: string;
}

/** A witness by its name within the policy, which need not be that of its key. */
export interface PolicyWitness {
  readonly name: string;
  readonly verifier: CosignatureVerifier;
  /** Where it takes checkpoints, without `/add-checkpoint`. */
  readonly url?: string;
}

/** Who must have cosigned. */
export type Quorum =
  | { readonly kind: 'none' }
  | { readonly kind: 'witness'; readonly name: string }
  | {
      readonly kind: 'group';
      readonly name: string;
      /** So many of the members. */
      readonly threshold: number;
      readonly members: readonly Exclude<Quorum, { kind: 'none' }>[];
    };

/** Which witnesses there are, and which of them together make a checkpoint a witnessed one (C2SP tlog-policy). */
export interface WitnessPolicy {
  readonly logs: readonly PolicyLog[];
  readonly witnesses: readonly PolicyWitness[];
  readonly quorum: Quorum;
}

/** What a policy says about one checkpoint. */
export interface Witnessed {
  readonly quorum: boolean;
  readonly cosignatures: readonly (Cosignature & { readonly witness: string })[];
}

type Member = Exclude<Quorum, { kind: 'none' }>;

// Tab, newline and printable characters; whatever is not ASCII is opaque.
const forbiddenCharacter = /[^\t\n\u0020-\u007e\u0080-\u{10ffff}]/u;
const space = /[\t ]+/;

/**
 * Reads a policy file: lines `log <vkey> [<url>]`, `witness <name> <vkey> [<url>]`, `group <name> all|any|<k> <name>…`,
 * `quorum <name>|none`. A name counts in one group only, so an operator is a group of its witnesses and counts once.
 * Errors: CONFIG_INVALID with the number of the line.
 */
export function parsePolicy(text: string): Result<WitnessPolicy> {
  if (forbiddenCharacter.test(text)) return invalid('it contains a control character');
  const policy = new PolicyLines();
  for (const [at, line] of text.split('\n').entries()) {
    const [keyword = '', ...items] = line.split(space).filter((item) => item !== '');
    if (keyword === '' || keyword.startsWith('#')) continue;
    const problem = policy.take(keyword, items);
    if (problem !== undefined) return invalid(`line ${at + 1}: ${problem}`);
  }
  const { logs, witnesses, quorum } = policy;
  return quorum ? ok({ logs, witnesses, quorum }) : invalid('there is no quorum line');
}

/**
 * Which witnesses of the policy cosigned this note, and whether they are enough. The log's own signature is for the caller to
 * verify. A cosignature from the future counts for nothing. Errors: CHECKPOINT_INVALID.
 *
 * @param until latest time that a cosignature may state
 */
export function judgeWitnessed(note: string, policy: WitnessPolicy, until: Date): Result<Witnessed> {
  const keys = policy.witnesses.map(({ verifier }) => verifier);
  const found = cosignaturesIn(note, keys);
  if (!found.ok) return found;
  const counted = found.value.filter(({ at }) => at <= until);
  const cosignatures = policy.witnesses.flatMap(({ name, verifier }) =>
    counted.filter((one) => one.verifier === verifier).map((one) => ({ ...one, witness: name })),
  );
  return ok({ quorum: isQuorum(policy, new Set(cosignatures.map(({ witness }) => witness))), cosignatures });
}

/** Whether these witnesses, by their names within the policy, are enough. */
export function isQuorum({ quorum }: WitnessPolicy, names: ReadonlySet<string>): boolean {
  return quorum.kind === 'none' || holds(quorum, (name) => names.has(name));
}

/**
 * Could two branches of a log both be witnessed by honest witnesses, each seeing one of them? Then the policy does not keep
 * a log from forking: its quorum is no majority, or an operator's group is content with a part of its own witnesses.
 */
export const allowsTwoBranches = ({ quorum }: WitnessPolicy): boolean =>
  quorum.kind === 'none' || hasDisjointQuorums(quorum);

const holds = (member: Member, has: (name: string) => boolean): boolean =>
  member.kind === 'witness'
    ? has(member.name)
    : member.members.filter((one) => holds(one, has)).length >= member.threshold;

/** Members that are divisible themselves may stand on both sides, each other one on one side only. */
function hasDisjointQuorums(member: Member): boolean {
  if (member.kind === 'witness') return false;
  const divisible = member.members.filter(hasDisjointQuorums).length;
  return 2 * member.threshold - Math.min(divisible, member.threshold) <= member.members.length;
}

class PolicyLines {
  readonly logs: PolicyLog[] = [];
  readonly witnesses: PolicyWitness[] = [];
  quorum: Quorum | undefined;
  private readonly named = new Map<string, Member>();
  private readonly grouped = new Set<string>();

  /** What is wrong with the line. */
  take(keyword: string, items: readonly string[]): string | undefined {
    switch (keyword) {
      case 'log':
        return this.log(items);
      case 'witness':
        return this.witness(items);
      case 'group':
        return this.group(items);
      case 'quorum':
        return this.setQuorum(items);
      default:
        return `no line begins with ${keyword}`;
    }
  }

  private log([verifierKey = '', url, ...more]: readonly string[]): string | undefined {
    const verifier = parseVerifierKey(verifierKey);
    if (!verifier.ok || more.length > 0) return 'a log has a verifier key and perhaps a URL';
    const key = rawKeyOf(verifierKey);
    if (this.logs.some((other) => rawKeyOf(other.verifierKey) === key)) return 'a log stands twice';
    this.logs.push({ verifierKey, verifier: verifier.value, ...(url === undefined ? {} : { url }) });
    return undefined;
  }

  private witness([name = '', verifierKey = '', url, ...more]: readonly string[]): string | undefined {
    const verifier = parseCosignerKey(verifierKey);
    if (!verifier.ok || more.length > 0) return 'a witness has a name, a key for cosignatures and perhaps a URL';
    if (this.witnesses.some((other) => other.verifier.rawKey.equals(verifier.value.rawKey)))
      return 'the key of a witness stands twice';
    this.witnesses.push({ name, verifier: verifier.value, ...(url === undefined ? {} : { url }) });
    return this.define({ kind: 'witness', name });
  }

  private group([name = '', count = '', ...names]: readonly string[]): string | undefined {
    if (names.length === 0) return 'a group has a name, a number and members';
    const members: Member[] = [];
    for (const one of names) {
      const member = this.named.get(one);
      if (!member) return `${one} is not defined above`;
      if (this.grouped.has(one)) return `${one} is a member already`;
      this.grouped.add(one);
      members.push(member);
    }
    const threshold =
      count === 'all' ? members.length : count === 'any' ? 1 : /^[1-9]\d*$/.test(count) ? Number(count) : 0;
    if (threshold < 1 || threshold > members.length) return `not a number of members: ${count}`;
    return this.define({ kind: 'group', name, threshold, members });
  }

  private setQuorum([name = '', ...more]: readonly string[]): string | undefined {
    if (name === '' || more.length > 0) return 'a quorum has one name';
    if (this.quorum) return 'there is a quorum already';
    this.quorum = name === 'none' ? { kind: 'none' } : this.named.get(name);
    return this.quorum ? undefined : `${name} is not defined above`;
  }

  private define(member: Member): string | undefined {
    if (member.name === 'none') return 'none is no name';
    if (this.named.has(member.name)) return `${member.name} is defined already`;
    this.named.set(member.name, member);
    return undefined;
  }
}

function rawKeyOf(verifierKey: string): string {
  const key = readVerifierKey(verifierKey);
  return key.ok ? key.value.rawKey.toString('hex') : '';
}

const invalid = (detail: string) => err(new AppError('CONFIG_INVALID', `witness policy: ${detail}`));
