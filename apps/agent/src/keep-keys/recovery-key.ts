import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Injectable } from '@nestjs/common';
import type { SigningKey } from '#envelope';
import { AppError, type Thumbprint } from '#kernel';
import { openVault } from '#key-vault';
import { secretOf } from '../serve-agencies/served-agencies.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** The key that vouches when all others are lost: kept on a medium of its own, and read from there only when it is needed. */
@Injectable()
export class RecoveryKey {
  /**
   * Moves it from the vault to the medium that the settings name.
   *
   * @throws AppError CONFIG_INVALID (no such setting), VAULT_KEY_MISSING (moved before), CONFLICT (a file is there already),
   *   VAULT_LOCKED (its key file or passphrase cannot be read)
   */
  async moveOffline(agency: ServedAgency): Promise<Thumbprint> {
    const { recovery } = agency.settings;
    if (recovery === undefined) throw new AppError('CONFIG_INVALID', 'the settings name no place for the recovery key');
    await mkdir(dirname(recovery.path), { recursive: true, mode: 0o700 });
    const moved = await agency.vault.moveRecoveryKeyOffline({ path: recovery.path, secret: await secretOf(recovery) });
    if (!moved.ok) throw moved.error;
    return moved.value;
  }

  /** Undefined when it is neither in the vault nor on a connected medium. @throws AppError VAULT_LOCKED, VAULT_DAMAGED */
  async find(agency: ServedAgency): Promise<SigningKey | undefined> {
    const here = agency.vault.current('recovery');
    if (here.ok) return here.value;
    const { recovery } = agency.settings;
    if (recovery === undefined) return undefined;
    const medium = await openVault({ path: recovery.path, secret: await secretOf(recovery) });
    if (!medium.ok) {
      if (medium.error.code === 'NOT_FOUND') return undefined;
      throw medium.error;
    }
    if (medium.value.agency !== agency.id)
      throw new AppError('VAULT_LOCKED', 'the recovery key on the medium is another agency’s');
    const found = medium.value.current('recovery');
    return found.ok ? found.value : undefined;
  }
}
