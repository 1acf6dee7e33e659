import { SetMetadata } from '@nestjs/common';

/** Metadata key by which a guard knows routes that need no caller. */
export const PUBLIC = 'kotovayla:public';

/** Needs no token: health, the log (which shows no person), key records (which prove themselves). */
export const Public = (): MethodDecorator & ClassDecorator => SetMetadata(PUBLIC, true);
