import { ApiProperty } from '@nestjs/swagger';
import { ArrayMinSize, ArrayUnique, IsArray, IsIn } from 'class-validator';

/** Uses whose keys are replaced from time to time. The recovery key is not: it is offline. */
export const rotatedUses = ['signing', 'receiving', 'client-auth'] as const;
export type RotatedUse = (typeof rotatedUses)[number];

export class RotateKeysDto {
  @ApiProperty({
    type: [String],
    enum: rotatedUses,
    description: 'Uses for which a new key takes the place of the present',
  })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayUnique()
  @IsIn(rotatedUses, { each: true })
  uses: RotatedUse[];
}
